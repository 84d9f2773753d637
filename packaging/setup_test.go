//go:build container

package packaging_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// testFromNothing goes from empty folders to a phone that is told, in two commands:
// one that runs the keeper, and setup with its answers.
func testFromNothing(e engine) {
	t := e.t
	const uid, gid, mid = 1026, 100, 100200300
	site := passporttest.New(passporttest.WithUser(mid, "example"))
	server, err := site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	var mu sync.Mutex // guards came
	var came []string
	phone := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		came = append(came, string(text))
	}))
	t.Cleanup(phone.Close)
	folders := map[string]string{"data": t.TempDir(), "config": t.TempDir(), "cookies": t.TempDir()}
	for _, dir := range folders {
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	// What is not of this machine's site is as it is for everybody.
	var config strings.Builder
	config.WriteString("# a remark of mine\n[check]\nconfirm_after = \"200ms\"\n\n[login]\npoll = \"100ms\"\n\n[endpoints]\n")
	for _, host := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		fmt.Fprintf(&config, "%s = %q\n", host, server.URL)
	}
	file := filepath.Join(folders["config"], "config.toml")
	if err := errors.Join(os.WriteFile(file, []byte(config.String()), 0o600), os.Chown(file, uid, gid)); err != nil {
		t.Fatal(err)
	}
	mounts := []string{"--user", "1026:100", "--volume", folders["data"] + ":/data", "--volume", folders["cookies"] + ":/cookies"}
	begun := time.Now()

	e.start("nothing", append(mounts, "--volume", folders["config"]+":/etc/bilikeeper:ro", image)...)
	scanned := make(chan error, 1)
	go func() { scanned <- scan(site, mid) }()
	said := e.run(append(mounts, "--volume", folders["config"]+":/etc/bilikeeper", "--rm", image,
		"setup", "--yes", "--channel", "webhook", "--channel-set", "url="+phone.URL, "--login", "main", "--output", "yt-dlp=/cookies/cookies.txt")...)
	if err := <-scanned; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, "yt-dlp --cookies /cookies/cookies.txt URL") {
		t.Errorf("it ends with %s", said)
	}
	t.Logf("two commands took %s", time.Since(begun).Round(time.Millisecond))

	text, err := os.ReadFile(filepath.Join(folders["cookies"], "cookies.txt"))
	if err != nil || !strings.Contains(string(text), "SESSDATA") {
		t.Errorf("the output is %q, %v", text, err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "# a remark of mine\n") {
		t.Errorf("the configuration is %q, %v", text, err)
	}
	site.Kill(mid)
	// It ends with what it finds: the account needs a login.
	_ = exec.Command("podman", append(e.store, "--runtime", "runc", "exec", "nothing", "bilikeeper", "check", "main")...).Run()
	deadline := time.Now().Add(time.Minute)
	for {
		mu.Lock()
		all := strings.Join(came, "\n")
		mu.Unlock()
		if strings.Contains(all, `"type":"login.code"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the phone was told only %s", all)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// scan is somebody with the app, who waits for a code.
func scan(site *passporttest.Site, mid int64) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		codes := site.QR.Codes()
		if len(codes) > 0 {
			return errors.Join(site.QR.Scan(codes[0], mid), site.QR.Confirm(codes[0], mid))
		}
		if time.Now().After(deadline) {
			return errors.New("no code came")
		}
	}
}
