// What becomes of one request. Settings, beside those of main.go:
//
//	LATENCY_SPREAD    deviation of the logarithm of the time that answers take
//	                  (0); LATENCY is their median
//	ERRORS_AT_ONCE    1: a request that fails is answered at once, however long
//	                  LATENCY is
//	ERROR_CLUSTER     so many requests in a row fail or pass together (1)
//	HANG_RATE         share of requests that are never answered, 0 to 1; each
//	                  ends when its client gives up
//	COLD_FOR          for this time from the first request on ERROR_RATE is
//	COLD_RATE         this share instead, as where pods start cold
package main

import (
	"math"
	"math/rand"
	"strconv"
	"sync"
	"time"
)

type fate struct {
	fails bool
	hangs bool
	takes time.Duration
}

type fates struct {
	usual, incident float64
	from, until     time.Time
	latency         time.Duration
	spread          float64
	atOnce          bool
	cluster         int64
	hanging         float64
	coldFor         time.Duration
	coldRate        float64

	guard sync.Mutex
	// Failures have a chance of their own: they are the same ones whatever else is set.
	failures, others *rand.Rand
	warm             time.Time
	left             int64
	fails            bool
}

func newFates(s settings) *fates {
	part := func(key string) float64 {
		return parsed(s, key, 0, func(v string) (float64, error) { return strconv.ParseFloat(v, 64) })
	}
	seed, from := s.whole("SEED", 1), s.moment("INCIDENT_AT")
	return &fates{
		usual:    part("ERROR_RATE"),
		incident: part("INCIDENT_RATE"),
		from:     from,
		until:    from.Add(s.duration("INCIDENT_FOR")),
		latency:  s.duration("LATENCY"),
		spread:   part("LATENCY_SPREAD"),
		atOnce:   s["ERRORS_AT_ONCE"] == "1",
		cluster:  s.whole("ERROR_CLUSTER", 1),
		hanging:  part("HANG_RATE"),
		coldFor:  s.duration("COLD_FOR"),
		coldRate: part("COLD_RATE"),
		failures: rand.New(rand.NewSource(seed)),
		others:   rand.New(rand.NewSource(-seed)),
	}
}

// next decides about the request that comes now.
func (f *fates) next(now time.Time) fate {
	f.guard.Lock()
	defer f.guard.Unlock()
	if f.warm.IsZero() {
		f.warm = now.Add(f.coldFor)
	}
	rate := f.usual
	if now.Before(f.warm) {
		rate = f.coldRate
	}
	if !f.from.IsZero() && !now.Before(f.from) && now.Before(f.until) {
		rate = f.incident
	}
	if f.left <= 0 {
		f.left = f.cluster
		f.fails = rate > 0 && f.failures.Float64() < rate
	}
	f.left--
	found := fate{fails: f.fails, hangs: f.others.Float64() < f.hanging, takes: f.latency}
	if f.spread > 0 {
		found.takes = time.Duration(float64(f.latency) * math.Exp(f.spread*f.others.NormFloat64()))
	}
	if f.fails && f.atOnce {
		found.takes = 0
	}
	return found
}
