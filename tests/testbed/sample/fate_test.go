package main

import (
	"context"
	"net/http"
	"syscall"
	"testing"
	"time"
)

func TestFailuresComeTogether(t *testing.T) {
	f := newFates(settings{"ERROR_RATE": "0.3", "ERROR_CLUSTER": "3"})
	groups, now := 0, time.Now()
	for i := 0; i < 300; i++ {
		first := f.next(now).fails
		for j := 1; j < 3; j++ {
			if f.next(now).fails != first {
				t.Fatal("three in a row have one fate")
			}
		}
		if first {
			groups++
		}
	}
	if groups < 60 || groups > 120 {
		t.Fatal(groups)
	}
}

func TestOnlyGoodAnswersTakeLong(t *testing.T) {
	f := newFates(settings{"ERROR_RATE": "0.5", "ERRORS_AT_ONCE": "1", "LATENCY": "10s"})
	for i := 0; i < 100; i++ {
		if fate := f.next(time.Now()); (fate.takes == 0) != fate.fails {
			t.Fatal(fate)
		}
	}
}

func TestTimesSpreadAroundTheirMedian(t *testing.T) {
	f := newFates(settings{"LATENCY": "60ms", "LATENCY_SPREAD": "0.8"})
	below, long := 0, 0
	for i := 0; i < 2000; i++ {
		takes := f.next(time.Now()).takes
		if takes < 60*time.Millisecond {
			below++
		}
		// 2.3 deviations above.
		if takes > 378*time.Millisecond {
			long++
		}
	}
	if below < 900 || below > 1100 || long < 5 || long > 50 {
		t.Fatal(below, long)
	}
}

func TestColdFromTheFirstRequestOn(t *testing.T) {
	f, first := newFates(settings{"COLD_FOR": "5s", "COLD_RATE": "1"}), time.Now()
	for _, step := range []struct {
		after time.Duration
		fails bool
	}{{0, true}, {4 * time.Second, true}, {5 * time.Second, false}, {time.Hour, false}} {
		if fate := f.next(first.Add(step.after)); fate.fails != step.fails {
			t.Fatal(step.after, fate)
		}
	}
}

func TestHangsUntilItsClientGivesUp(t *testing.T) {
	s := start(t, "VERSION=v7", "HANG_RATE=1")
	s.up(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/", nil)
	if _, err := http.DefaultClient.Do(request); err == nil || ctx.Err() == nil {
		t.Fatal(err)
	}
	// What hung is over with its client: nothing keeps it from ending.
	_ = s.command.Process.Signal(syscall.SIGTERM)
	begin := time.Now()
	s.ends(t, 0, "")
	if time.Since(begin) > 5*time.Second {
		t.Fatal(time.Since(begin))
	}
}
