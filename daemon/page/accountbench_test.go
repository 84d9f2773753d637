package page

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// BenchmarkFirstScreen opens the first screen of a keeper with a thousand accounts
// and 90 days of each, and beside it, in turn, that of a keeper with fifty, which is
// as many as the screen shows.
func BenchmarkFirstScreen(b *testing.B) {
	many, few := crowded(b, 1000), crowded(b, 50)
	var took, floor []time.Duration
	for b.Loop() {
		took = append(took, many())
		floor = append(floor, few())
	}
	slices.Sort(took)
	slices.Sort(floor)
	median, least := took[len(took)/2], floor[len(floor)/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median.Microseconds())/1000, "ms/screen")
	b.ReportMetric(float64(least.Microseconds())/1000, "ms/floor")
	b.ReportMetric(float64(median)/float64(least), "x/floor")
}

// crowded returns how to open the first screen of a keeper with some accounts, and
// how long it takes.
func crowded(b *testing.B, n int) func() time.Duration {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "state")
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	st, now := store.New(v), time.Now()
	for i := range n {
		r := &store.Record{Brief: store.Brief{Account: lifecycle.New(fmt.Sprintf("recorder-%04d", i), passport.Web, now.AddDate(0, -3, 0))}}
		r.Base, r.Mid, r.Uname, r.Refreshable = lifecycle.BaseValid, int64(100200300+i), fmt.Sprintf("录播 %d", i), true
		r.ExpiresAt, r.CheckedAt, r.LastCheck = now.AddDate(0, 0, 30+i%150), now.Add(-time.Duration(i)*time.Minute), lifecycle.OutcomeOK
		r.NextCheckAt = now.Add(8 * time.Hour)
		r.Preferences.Tags = []string{"recorders", fmt.Sprintf("rack-%d", i%20)}
		if i%100 == 0 {
			r.Base = lifecycle.BaseDead
		}
		if err := st.Save(r, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := pastOf(v, n); err != nil {
		b.Fatal(err)
	}
	site := passporttest.New()
	k, err := keeper.New(keeper.Parts{Vault: v, Config: config.Default(), Log: zerolog.Nop(), Version: "test", Transport: passport.Options{Transport: site.Transport()}})
	if err != nil {
		b.Fatal(err)
	}
	in, err := signin.Open(st, signin.Options{Address: ownOrigin})
	if err != nil {
		b.Fatal(err)
	}
	channels, err := alert.New(k, config.Default())
	if err != nil {
		b.Fatal(err)
	}
	outputs, c := engine.Configured(k, config.Default(), nil), configOf(k)
	c.Account = &accountpage.Parts{Keeper: k, SignIn: in, May: usual(), Channels: func() *alert.Channels { return channels }, Outputs: func() *engine.Outputs { return outputs }}
	p, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	return opener(b, p, in, min(n, 50))
}

func opener(b *testing.B, p *Page, in *signin.SignIn, rows int) func() time.Duration {
	get := func(target, cookie string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Host = ownHost
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, r)
		return w
	}
	c := get(strings.TrimPrefix(in.Link().URL, ownOrigin), "").Result().Cookies()[0]
	return func() time.Duration {
		began := time.Now()
		w := get("/", c.Name+"="+c.Value)
		took := time.Since(began)
		if n := strings.Count(w.Body.String(), `class="strip"`); w.Code != http.StatusOK || n != rows {
			b.Fatalf("%d, %d strips", w.Code, n)
		}
		return took
	}
}

// pastOf gives accounts 90 days with a check, a few readings and now and then
// something else.
func pastOf(v *vault.File, n int) error {
	y, m, d := time.Now().Date()
	today := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	return v.Update(func(tx vault.Tx) error {
		for i := range n {
			for block := (today - 90) / 32; block <= today/32; block++ {
				var days []string
				for day := range 32 {
					form := "o3"
					switch (day + i) % 29 {
					case 3:
						form = "o3 r1 ea"
					case 11:
						form = "n2"
					}
					days = append(days, fmt.Sprintf("%d %s 0:%d", day, form, day))
				}
				text := fmt.Sprintf("%d\nr \"blrec\" \"recorder\" \"\" \"header\"\n%s\n", block, strings.Join(days, "\n"))
				key := fmt.Sprintf("recorder-%04d/%d", i, block%14)
				// There may be one with the check that the record has.
				have, err := tx.Get("history", key)
				if err != nil && !errors.Is(err, vault.ErrNotFound) {
					return err
				}
				if _, err := tx.Put("history", key, []byte(text), have.Revision); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
