//go:build linux

package main

import (
	"bufio"
	"encoding/json"
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

func (b *bench) startHandler(length int64) (*handler, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	h := &handler{socket: filepath.Join(b.dir, "handler.sock")}
	_ = os.Remove(h.socket)
	h.cmd = daemon(own, "handler", h.socket, strconv.FormatInt(length, 10))
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

// reader asks one server again and again over one connection, with as little work of
// its own as there can be.
type reader struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

func newReader(socket, path string) (*reader, error) { return newReaderAt(socket, "bilikeeper", path) }

func newReaderAt(socket, host, path string) (*reader, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &reader{conn, bufio.NewReader(conn), []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")}, nil
}

// read asks once and returns the length of the body.
func (r *reader) read() (int64, error) {
	var n int64
	err := r.ask(r.request, func(body io.Reader) (err error) {
		n, err = io.Copy(io.Discard, body)
		return err
	})
	return n, err
}

// post sends a request without a body, and reads the answer as JSON.
func (r *reader) post(path string, answer any) error {
	request := []byte("POST " + path + " HTTP/1.1\r\nHost: bilikeeper\r\nContent-Length: 0\r\n\r\n")
	return r.ask(request, func(body io.Reader) error { return json.NewDecoder(body).Decode(answer) })
}

// patch sends a change, and reads the answer to its end.
func (r *reader) patch(path string, change any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	request := fmt.Appendf(nil, "PATCH %s HTTP/1.1\r\nHost: bilikeeper\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	return r.ask(request, func(io.Reader) error { return nil })
}

func (r *reader) ask(request []byte, use func(body io.Reader) error) error {
	if _, err := r.conn.Write(request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return err
	}
	defer func() {
		_, _ = io.Copy(io.Discard, resp.Body) // what comes next is the next answer
		_ = resp.Body.Close()
	}()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("status %d: %s", resp.StatusCode, text)
	}
	return use(resp.Body)
}
