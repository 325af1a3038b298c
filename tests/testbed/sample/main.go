// A small web application that can be told to misbehave. Every answer says
// which version gave it, so that a load generator can count users by revision.
//
// Settings come from /etc/sample.env in the image (KEY=VALUE lines); the
// environment overrides them:
//
//	VERSION           the body of every answer, and its X-Version header
//	PORT              where it listens (8080)
//	ERROR_RATE        share of requests answered with ERROR_STATUS, 0 to 1
//	ERROR_STATUS      that status (500)
//	CALL_STATUS       status of calls of gRPC that fail so (14, UNAVAILABLE);
//	                  any request of the type application/grpc is a call
//	SEED              seed of that chance (1), the same sequence at each start
//	INCIDENT_AT       moment (RFC 3339 or Unix seconds) from which ERROR_RATE is
//	                  INCIDENT_RATE instead,
//	INCIDENT_FOR      for this time
//	LATENCY           time each answer takes, e.g. 150ms
//	HEALTH_STATUS     what /healthz answers (200)
//	START_DELAY       time before it listens
//	CRASH_ON_START    message with which it exits (status 3) at once
//	CRASH_AFTER       number of requests after which it exits (status 4)
//	CRASH_PATH        a request for this path ends the one process that gets
//	                  it (status 4); others of the same revision go on
//	CRASH_AFTER_TIME  time after which it exits, counted from each start
//	CRASH_AT          moment (RFC 3339 or Unix seconds) at which it exits,
//	                  and after which each new start exits at once
//
// More of them, for single requests, stand in fate.go.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	exitSettings = 2
	exitStart    = 3
	exitLater    = 4
)

// die ends the process with words where people and the kubelet look for them.
func die(code int, message string) {
	fmt.Fprintln(os.Stderr, message)
	// Absent outside a pod: then standard error has to do.
	_ = os.WriteFile("/dev/termination-log", []byte(message), 0o644)
	os.Exit(code)
}

type settings map[string]string

func load(path string) settings {
	s := settings{}
	if file, err := os.Open(path); err == nil {
		defer file.Close()
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
				s[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	for _, entry := range os.Environ() {
		key, value, _ := strings.Cut(entry, "=")
		s[key] = value
	}
	return s
}

func (s settings) text(key, otherwise string) string {
	if s[key] == "" {
		return otherwise
	}
	return s[key]
}

func parsed[T any](s settings, key string, otherwise T, parse func(string) (T, error)) T {
	if s[key] == "" {
		return otherwise
	}
	value, err := parse(s[key])
	if err != nil {
		die(exitSettings, fmt.Sprintf("%s=%q: %v", key, s[key], err))
	}
	return value
}

func (s settings) duration(key string) time.Duration {
	return parsed(s, key, 0, time.ParseDuration)
}

func (s settings) whole(key string, otherwise int64) int64 {
	return parsed(s, key, otherwise, func(v string) (int64, error) { return strconv.ParseInt(v, 10, 64) })
}

func (s settings) moment(key string) time.Time {
	return parsed(s, key, time.Time{}, func(v string) (time.Time, error) {
		if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
			return time.Unix(seconds, 0), nil
		}
		return time.Parse(time.RFC3339, v)
	})
}

func main() {
	s := load("/etc/sample.env")
	version := s.text("VERSION", "unversioned")
	if message := s["CRASH_ON_START"]; message != "" {
		die(exitStart, message)
	}
	if at := s.moment("CRASH_AT"); !at.IsZero() {
		// A moment in the past ends it at once, at this and every later start.
		if !time.Now().Before(at) {
			die(exitLater, "crashed at the appointed time")
		}
		time.AfterFunc(time.Until(at), func() { die(exitLater, "crashed at the appointed time") })
	}
	if after := s.duration("CRASH_AFTER_TIME"); after > 0 {
		time.AfterFunc(after, func() { die(exitLater, fmt.Sprintf("crashed after %s", after)) })
	}

	bad := int(s.whole("ERROR_STATUS", http.StatusInternalServerError))
	health := int(s.whole("HEALTH_STATUS", http.StatusOK))
	crashAfter := s.whole("CRASH_AFTER", 0)
	var requests atomic.Int64
	fates := newFates(s)

	answer := func(w http.ResponseWriter, status int) {
		w.Header().Set("X-Version", version)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintln(w, version)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, health) })
	crashPath := s.text("CRASH_PATH", "")
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if crashPath != "" && r.URL.Path == crashPath {
			die(exitLater, "crashed as it was asked to")
		}
		if n := requests.Add(1); crashAfter > 0 && n > crashAfter {
			die(exitLater, fmt.Sprintf("crashed after %d requests", crashAfter))
		}
		fate := fates.next(time.Now())
		if fate.hangs {
			<-r.Context().Done()
			return
		}
		time.Sleep(fate.takes)
		if fate.fails {
			answer(w, bad)
			return
		}
		answer(w, http.StatusOK)
	})

	ended, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	select {
	case <-time.After(s.duration("START_DELAY")):
	case <-ended.Done():
		return
	}
	server := &http.Server{
		Addr:              ":" + s.text("PORT", "8080"),
		Handler:           withCalls(mux, s.text("CALL_STATUS", "14")),
		Protocols:         protocols(),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		if err := server.ListenAndServe(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			die(1, err.Error())
		}
	}()
	fmt.Fprintf(os.Stderr, "version %s listens on %s\n", version, server.Addr)
	<-ended.Done()
	patience, done := context.WithTimeout(context.Background(), 20*time.Second)
	defer done()
	_ = server.Shutdown(patience)
}

// protocols are HTTP/1.1, and HTTP/2 without TLS for who begins with it.
func protocols() *http.Protocols {
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	return both
}
