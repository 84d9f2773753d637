//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// emptyHandler serves on a Unix socket what costs nothing: the same bytes to everyone.
// Its arguments are the socket and the length of the body.
func emptyHandler(args []string) error {
	l, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	length, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	body := []byte(strings.Repeat("x", length))
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}))
}

// bareClient asks the site about sessions as a check does, keeps nothing, and prints
// how many milliseconds of CPU and of the clock that took. Its arguments are the
// site's address, a file with a cookie header a line, and how many it asks about at once.
func bareClient(args []string) error {
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	atOnce, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	cookies := strings.Fields(strings.ReplaceAll(string(text), "; ", ";"))
	// The keeper's accounts share no connection, so that the site sees nothing that
	// they have in common.
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	begun := time.Now()
	err = each(len(cookies), atOnce, func(i int) error {
		req, err := http.NewRequest(http.MethodGet, args[0]+"/x/passport-login/web/cookie/info", nil)
		if err != nil {
			return err
		}
		req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
		req.Header.Set("Cookie", strings.ReplaceAll(cookies[i], ";", "; "))
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err == nil && !strings.Contains(string(answer), `"code":0`) {
			err = fmt.Errorf("the site answered %s", answer)
		}
		return err
	})
	fmt.Println(float64(time.Since(begun))/1e6, cpu(os.Getpid()))
	return err
}

// handler is a process with an empty handler.
type handler struct {
	socket string
	cmd    *exec.Cmd
}

func (b *bench) startHandler(length int) (*handler, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	h := &handler{socket: filepath.Join(b.dir, "handler.sock")}
	_ = os.Remove(h.socket)
	h.cmd = exec.Command(own, "handler", h.socket, strconv.Itoa(length))
	h.cmd.Stderr = os.Stderr
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	for range 1000 {
		if conn, err := net.Dial("unix", h.socket); err == nil {
			return h, conn.Close()
		}
		time.Sleep(time.Millisecond)
	}
	return nil, fmt.Errorf("the empty handler does not answer")
}

func (h *handler) end() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}

// reader reads one path again and again over one connection, with as little work of
// its own as there can be.
type reader struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

func newReader(socket, path string) (*reader, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &reader{conn, bufio.NewReader(conn), []byte("GET " + path + " HTTP/1.1\r\nHost: bilikeeper\r\n\r\n")}, nil
}

// read asks once and returns the length of the body.
func (r *reader) read() (int, error) {
	if _, err := r.conn.Write(r.request); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return int(n), err
}
