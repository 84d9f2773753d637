// Simsite serves the simulator of the site on a port, so that the keeper can be
// tried in two terminals without an account and without the site.
//
// Usage:
//
//	simsite -listen 127.0.0.1:7380 -user 100200300:example -key /tmp/sim.pem
//
// It prints the configuration that points a keeper at it. A refresh works only
// where the keeper has the simulator's public key, which is another one at each
// start: -key writes it to a file, and /_sim/key shows it.
//
// Then, as the phone:
//
//	curl -d mid=100200300 http://127.0.0.1:7380/_sim/scan
//	curl -d mid=100200300 http://127.0.0.1:7380/_sim/confirm
//
// and for a login by SMS:
//
//	curl -d 'mid=100200300&phone=13800000000' http://127.0.0.1:7380/_sim/phone
//	curl 'http://127.0.0.1:7380/_sim/sms?phone=13800000000'    the code that came
//
// and as the site:
//
//	curl -d mid=100200300 http://127.0.0.1:7380/_sim/kill
//	curl -d mid=100200300 http://127.0.0.1:7380/_sim/due       a refresh is due
//	curl -d kind=http-412 http://127.0.0.1:7380/_sim/trouble   path=… for one path
//	curl -d 'path=/x/passport-login/web/cookie/refresh&n=1' http://127.0.0.1:7380/_sim/lose
//	curl -d n=1           http://127.0.0.1:7380/_sim/empty     pages without a code
//	curl -d offset=-90s   http://127.0.0.1:7380/_sim/clock     the site's clock is behind
//	curl -d old=denied    http://127.0.0.1:7380/_sim/reuse     of a used, unconfirmed token
//	curl -d flow=sso      http://127.0.0.1:7380/_sim/intl      also plain, go-url, late, untrusted
//	curl -d 'mid=100200300&status=2' http://127.0.0.1:7380/_sim/verify
//	curl http://127.0.0.1:7380/_sim/key                        also log, sessions, codes, troubles
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
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
	keyFile := flag.String("key", "", "file to write the site's public key to")
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

	if *keyFile != "" {
		var err error
		if *keyFile, err = filepath.Abs(*keyFile); err != nil {
			return err
		}
		if err := os.WriteFile(*keyFile, site.Refresh.CorrespondKeyPEM(), 0o644); err != nil {
			return err
		}
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
	fmt.Printf("geetest_js = %q\n", server.URL+passporttest.PathWidget)
	if *keyFile != "" {
		fmt.Printf("correspond_key_file = %q\n", *keyFile)
	}
	<-ctx.Done()
	return nil
}
