package account

import (
	"context"
	"os"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// qrPicture is the code as a file, for terminals that cannot show it.
type qrPicture struct {
	path, shown string
}

// pictureIn is the picture in a file that is nobody else's, or in none.
func pictureIn(ctx context.Context, env *cli.Env, path string) (*qrPicture, error) {
	if path != "" {
		if err := cli.CheckFree(ctx, env, path); err != nil {
			return nil, err
		}
	}
	return &qrPicture{path: path}, nil
}

// show writes the picture of a code that can be scanned, and takes away that of
// one that cannot.
func (p *qrPicture) show(l client.Login) error {
	if p.path == "" || l.URL == p.shown && l.State == client.LoginWaiting {
		return nil
	}
	if l.URL == "" || l.State != client.LoginWaiting {
		p.remove()
		return nil
	}
	png, err := qr.PNG(l.URL)
	if err == nil {
		err = durable.WriteFile(p.path, png, 0o600)
	}
	if err != nil {
		return cli.Fail(cli.ExitFailed, "", "write the code's picture: %w", err)
	}
	p.shown = l.URL
	return nil
}

func (p *qrPicture) remove() {
	if p.shown != "" {
		_ = os.Remove(p.path)
		p.shown = ""
	}
}
