package etcd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/status"

	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/internal/handshake"
)

// member asks one member: whether there is a way and it is trusted, what time it has, and
// how it is.
func (v visit) member(ctx context.Context, endpoint string) doctor.Member {
	m := doctor.Member{Endpoint: endpoint}
	ends, err := handshake.Try(ctx, address(endpoint), v.tls)
	if m.Err = err; err != nil {
		return m
	}
	if !ends.IsZero() {
		m.Certificate = &doctor.Certificate{Ends: ends}
	}
	web := v.web()
	defer web.CloseIdleConnections()
	m.Clock = clock(ctx, web, endpoint)
	c, err := v.client(ctx, []string{endpoint}, false)
	if err != nil {
		m.StatusErr = err
		return m
	}
	defer func() { _ = c.Close() }()
	s, err := c.Status(ctx, endpoint)
	if err != nil {
		m.StatusErr = errors.New(status.Convert(err).Message())
		return m
	}
	m.Version, m.Cluster, m.Learner, m.Leads = s.Version, strconv.FormatUint(s.Header.ClusterId, 16), s.IsLearner, s.Leader != 0
	m.Size, m.Quota, m.Alarms = s.DbSize, s.DbSizeQuota, s.Errors
	if m.Quota == 0 { // before 3.6 its metrics alone tell
		m.Quota = quota(ctx, web, endpoint)
	}
	return m
}

// web asks members by HTTP, which they answer beside what is etcd's own.
func (v visit) web() *http.Client {
	transport := new(http.Transport)
	if v.tls != nil {
		transport.TLSClientConfig = v.tls.Clone()
	}
	return &http.Client{
		Transport: transport, Timeout: brief,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func get(ctx context.Context, web *http.Client, endpoint, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+path, nil)
	if err != nil {
		return nil, err
	}
	return web.Do(r)
}

// clock reads the time that a member writes on each answer. The second question goes over
// a connection that is there, so that its time is that of the way alone.
func clock(ctx context.Context, web *http.Client, endpoint string) *doctor.Clock {
	var sent, came time.Time
	var date string
	for range 2 {
		sent = time.Now()
		answer, err := get(ctx, web, endpoint, "/version")
		if err != nil {
			return nil
		}
		came, date = time.Now(), answer.Header.Get("Date")
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10))
		_ = answer.Body.Close()
	}
	at, err := http.ParseTime(date)
	if err != nil {
		return nil
	}
	// It tells whole seconds, and is half a second behind what it has on the average.
	way := came.Sub(sent) / 2
	return &doctor.Clock{Ahead: at.Add(time.Second / 2).Sub(sent.Add(way)), Within: way + time.Second/2}
}

// quota reads the most that a member's database may take, 0 where it does not tell.
func quota(ctx context.Context, web *http.Client, endpoint string) int64 {
	answer, err := get(ctx, web, endpoint, "/metrics")
	if err != nil {
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	for lines := bufio.NewScanner(io.LimitReader(answer.Body, 1<<20)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "etcd_server_quota_backend_bytes "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err == nil && n > 0 {
				return int64(n)
			}
		}
	}
	return 0
}
