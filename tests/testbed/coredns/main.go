// CoreDNS with the plugins that the bundled cluster needs and no other: the
// stock command spends minutes on compiling clients of cloud providers.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"

	"github.com/coredns/coredns/coremain"
)

func init() {
	// A plugin answers in this order. template stands before kubernetes, so
	// a catch-all template belongs in a server block of its own.
	dnsserver.Directives = []string{
		"errors",
		"health",
		"ready",
		"template",
		"kubernetes",
	}
}

func main() {
	coremain.Run()
}
