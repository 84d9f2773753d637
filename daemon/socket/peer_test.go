package socket

import (
	"net"
	"net/http"
	"os"
	"testing"
)

// The peer's name is that of this process.
func TestPeerOfASocket(t *testing.T) {
	if !KernelNamesPeers {
		t.Skip("the kernel names no peers here")
	}
	path := t.TempDir() + "/p.sock"
	l, err := Listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan Peer, 1)
	h := &http.Server{ConnContext: ConnContext, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- PeerOf(r.Context())
	})}
	go func() { _ = h.Serve(l) }()
	defer h.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	p := <-seen
	if !p.Known || p.UID != uint32(os.Geteuid()) || p.GID != uint32(os.Getegid()) || p.PID != int32(os.Getpid()) {
		t.Errorf("%+v", p)
	}
}
