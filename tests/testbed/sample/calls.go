package main

import (
	"encoding/binary"
	"io"
	"net/http"
	"strings"
)

// Calls of gRPC, by hand. What HTTP tells of one is a 200, whatever came of
// it; the call's own status stands in a trailer, or, where it fails at once,
// among the headers (gRPC over HTTP/2, "Responses"). Any method is served, and
// fails and takes its time as any other request does.

// A call's answer as the application gives it to everyone: its status is kept
// back, and its text is the message.
type call struct {
	http.ResponseWriter
	status int
	text   []byte
}

func (c *call) WriteHeader(status int) { c.status = status }

func (c *call) Write(text []byte) (int, error) {
	c.text = append(c.text, text...)
	return len(text), nil
}

// withCalls answers calls of gRPC by what the application answers; failed is
// the status of those that fail.
func withCalls(application http.Handler, failed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			application.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		c := &call{ResponseWriter: w, status: http.StatusOK}
		application.ServeHTTP(c, r)
		w.Header().Set("Content-Type", "application/grpc")
		if c.status >= http.StatusBadRequest {
			w.Header().Set("Grpc-Status", failed)
			w.Header().Set("Grpc-Message", "told to fail")
			w.WriteHeader(http.StatusOK)
			return
		}
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(message(c.text))
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
}

// A google.protobuf.StringValue, not compressed. The text is short.
func message(text []byte) []byte {
	value := append([]byte{1<<3 | 2, byte(len(text))}, text...)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(value))), value...)
}
