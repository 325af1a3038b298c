package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// asked sends one call over HTTP/2 without TLS, as a client of gRPC does.
func asked(t *testing.T, status int, kind string) (*http.Response, string) {
	t.Helper()
	application := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Version", "v1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "v1\n")
	})
	server := httptest.NewUnstartedServer(withCalls(application, "13"))
	server.Config.Protocols = protocols()
	server.Start()
	t.Cleanup(server.Close)
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: only}}
	answer, err := client.Post(server.URL+"/sample.Sample/Say", kind, strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestACallFailsWithinA200(t *testing.T) {
	answer, text := asked(t, http.StatusInternalServerError, "application/grpc")
	if answer.StatusCode != 200 || answer.Header.Get("Grpc-Status") != "13" || text != "" || answer.Header.Get("X-Version") != "v1" {
		t.Errorf("%v %q", answer, text)
	}
	answer, text = asked(t, http.StatusOK, "application/grpc+proto")
	if answer.Trailer.Get("Grpc-Status") != "0" || answer.Header.Get("Grpc-Status") != "" || text != "\x00\x00\x00\x00\x05\x0a\x03v1\n" {
		t.Errorf("%v %q", answer, text)
	}
}

func TestWhatIsNoCallIsAnsweredAsItIs(t *testing.T) {
	answer, text := asked(t, http.StatusTeapot, "text/plain")
	if answer.StatusCode != http.StatusTeapot || text != "v1\n" || answer.ProtoMajor != 2 {
		t.Errorf("%v %q", answer, text)
	}
}
