package pagecmd

import (
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func TestSessionTable(t *testing.T) {
	now := time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)
	got := sessionTable([]client.PageSession{
		{ID: "0badcafe", Method: client.SignedInByLink, CreatedAt: now.Add(-48 * time.Hour), SeenAt: now.Add(-time.Minute), ExpiresAt: now.Add(28 * 24 * time.Hour),
			Address: "192.0.2.7", Browser: "Mozilla/5.0"},
		{ID: "12345678", Method: client.SignedInByPassword, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(30 * 24 * time.Hour)},
	}, cli.Screen{}, now)
	for _, want := range []string{"0badcafe", "192.0.2.7", "Mozilla/5.0", "12345678  password"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}
