package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays the sample when it is told to.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_SAMPLE") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type sample struct {
	command *exec.Cmd
	errors  *strings.Builder
	url     string
}

func start(t *testing.T, env ...string) *sample {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
	free.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	s := &sample{command: exec.CommandContext(ctx, os.Args[0]), errors: &strings.Builder{}, url: "http://127.0.0.1:" + port}
	s.command.Env = append(env, "RUN_SAMPLE=1", "PORT="+port)
	s.command.Stderr = s.errors
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sample) get(path string) (int, string, error) {
	answer, err := http.Get(s.url + path)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.Header.Get("X-Version")+"\n" != string(body) {
		return 0, "", errors.New("header and body differ")
	}
	return answer.StatusCode, string(body), err
}

// up waits until it listens.
func (s *sample) up(t *testing.T) {
	t.Helper()
	for i := 0; i < 200; i++ {
		if link, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
			link.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not listen")
}

func (s *sample) ends(t *testing.T, code int, words string) {
	t.Helper()
	_ = s.command.Wait()
	if got := s.command.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit code %d, not %d: %s", got, code, s.errors)
	}
	if !strings.Contains(s.errors.String(), words) {
		t.Fatalf("%q is not in %q", words, s.errors)
	}
}

func TestAnswersWithItsVersion(t *testing.T) {
	s := start(t, "VERSION=v7", "HEALTH_STATUS=503")
	s.up(t)
	if status, body, err := s.get("/any"); status != 200 || body != "v7\n" || err != nil {
		t.Fatal(status, body, err)
	}
	if status, _, _ := s.get("/healthz"); status != 503 {
		t.Fatal(status)
	}
	_ = s.command.Process.Signal(syscall.SIGTERM)
	s.ends(t, 0, "")
}

func TestFailsAsOftenAsTold(t *testing.T) {
	failures := func() (failed int) {
		s := start(t, "VERSION=v7", "ERROR_RATE=0.3", "SEED=5")
		s.up(t)
		for i := 0; i < 200; i++ {
			status, _, err := s.get("/")
			if err != nil {
				t.Fatal(err)
			}
			if status == 500 {
				failed++
			}
		}
		_ = s.command.Process.Kill()
		return failed
	}
	first := failures()
	if first < 40 || first > 80 || first != failures() {
		t.Fatal(first)
	}
}

func TestFailsWithTheStatusThatItIsTold(t *testing.T) {
	s := start(t, "VERSION=v7", "ERROR_RATE=1", "ERROR_STATUS=404")
	s.up(t)
	if status, _, _ := s.get("/"); status != 404 {
		t.Fatal(status)
	}
}

func TestAnIncidentBeginsAndEnds(t *testing.T) {
	at := time.Now().Add(400 * time.Millisecond)
	s := start(t, "VERSION=v7", "INCIDENT_RATE=1", "INCIDENT_FOR=400ms", "INCIDENT_AT="+at.Format(time.RFC3339Nano))
	s.up(t)
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 200}, {600 * time.Millisecond, 500}, {1200 * time.Millisecond, 200}} {
		time.Sleep(time.Until(at.Add(step.after - 400*time.Millisecond)))
		if status, _, err := s.get("/"); status != step.want || err != nil {
			t.Fatal(step.after, status, err)
		}
	}
	_ = s.command.Process.Kill()
}

func TestCrashesAsTold(t *testing.T) {
	start(t, "CRASH_ON_START=cannot open the ledger").ends(t, exitStart, "cannot open the ledger")
	start(t, "CRASH_AFTER_TIME=50ms").ends(t, exitLater, "crashed after 50ms")
	start(t, "CRASH_AT=1000").ends(t, exitLater, "appointed")
	start(t, "CRASH_AT=2001-01-01T00:00:00Z").ends(t, exitLater, "appointed")
	start(t, "ERROR_RATE=often").ends(t, exitSettings, "ERROR_RATE")
	s := start(t, "CRASH_AFTER=2")
	s.up(t)
	for i := 0; i < 2; i++ {
		if status, _, err := s.get("/"); status != 200 || err != nil {
			t.Fatal(status, err)
		}
	}
	if _, _, err := s.get("/"); err == nil {
		t.Fatal("it still answers")
	}
	s.ends(t, exitLater, "crashed after 2 requests")
}

func TestStartDelayAndLatency(t *testing.T) {
	begin := time.Now()
	s := start(t, "START_DELAY=300ms", "LATENCY=200ms")
	s.up(t)
	if time.Since(begin) < 300*time.Millisecond {
		t.Fatal("it listens too early")
	}
	begin = time.Now()
	if status, _, _ := s.get("/"); status != 200 || time.Since(begin) < 200*time.Millisecond {
		t.Fatal(status, time.Since(begin))
	}
	_ = s.command.Process.Kill()
}
