// Simsite serves the simulator of the site on a port, so that the keeper can be
// tried in two terminals without an account and without the site.
//
// Usage:
//
//	simsite -listen 127.0.0.1:7380 -user 100200300:example
//
// It prints the configuration that points a keeper at it. Then, as the phone:
//
//	curl -d mid=100200300 http://127.0.0.1:7380/_sim/scan
//	curl -d mid=100200300 http://127.0.0.1:7380/_sim/confirm
//	curl -d mid=100200300 http://127.0.0.1:7380/_sim/kill
//	curl -d kind=http-412 http://127.0.0.1:7380/_sim/trouble
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "simsite:", err)
		os.Exit(1)
	}
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:7380", "address to serve on")
	site := passporttest.New()
	users := 0
	flag.Func("user", "mid:uname of somebody with an account, may be repeated", func(text string) error {
		number, uname, _ := strings.Cut(text, ":")
		mid, err := strconv.ParseInt(number, 10, 64)
		if err != nil || mid <= 0 {
			return fmt.Errorf("want mid:uname")
		}
		site.AddUser(mid, uname)
		users++
		return nil
	})
	flag.Parse()
	if users == 0 {
		site.AddUser(100200300, "example")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server, err := site.StartOn(*listen)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println("[endpoints]")
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		fmt.Printf("%s = %q\n", role, server.URL)
	}
	<-ctx.Done()
	return nil
}
