//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// listen opens what belongs to a notification whose button is pressed. What
// comes over the bus was written by any program of the session, so its shape is
// checked, and it can choose among our own pages and pictures only.
func (c *Channel) listen(b *bus) {
	var token signalPair // of the notification whose button is about to be heard of
	for signal := range b.signals {
		pair, ok := readPair(signal.Body)
		switch {
		case !ok:
		case signal.Name == service+".ActivationToken":
			token = pair
		case signal.Name == service+".ActionInvoked" && (pair.text == actionOpen || pair.text == actionDefault):
			given := ""
			if token.id == pair.id {
				given = token.text
			}
			token = signalPair{}
			c.press(pair.id, given)
		}
	}
}

// signalPair is what both signals carry.
type signalPair struct {
	id   uint32
	text string
}

func readPair(body []any) (p signalPair, ok bool) {
	if len(body) < 2 {
		return p, false
	}
	id, isID := body[0].(uint32)
	text, isText := body[1].(string)
	return signalPair{id, text}, isID && isText
}

// press opens what belongs to a notification.
func (c *Channel) press(id uint32, token string) {
	c.turn.Lock()
	defer c.turn.Unlock()
	target, err := c.targetOf(id)
	if err != nil {
		c.cfg.Trouble(err)
	}
	if target == "" {
		return
	}
	c.wg.Go(func() {
		if err := c.open(c.life, target, token); err != nil && c.life.Err() == nil {
			c.cfg.Trouble(fmt.Errorf("the button opened nothing: %w", err))
		}
	})
}

// targetOf is a page's address or the path of a picture, which is written now:
// a code that nobody wants to see needs no file.
func (c *Channel) targetOf(id uint32) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.shown, func(s *shown) bool { return s.id == id })
	if i < 0 || c.life.Err() != nil {
		return "", nil
	}
	s := c.shown[i]
	if s.page != "" || s.png == nil {
		return s.page, nil
	}
	if s.file == "" {
		file := filepath.Join(c.cfg.PictureDir, pictureStart+rand.Text()+pictureEnd)
		if err := preparePictures(c.cfg.PictureDir); err != nil {
			return "", fmt.Errorf("the picture cannot be shown: %w", err)
		}
		if err := writePicture(file, s.png); err != nil {
			return "", fmt.Errorf("the picture cannot be shown: %w", err)
		}
		s.file = file
	}
	return s.file, nil
}

// The pictures' names.
const (
	pictureStart = "code-"
	pictureEnd   = ".png"
)

// leftBehind is far above the life of a code: what is older belongs to nobody.
const leftBehind = time.Hour

// preparePictures makes the directory, and removes what a process that was
// killed left there.
func preparePictures(dir string) error {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && strings.HasPrefix(e.Name(), pictureStart) &&
			strings.HasSuffix(e.Name(), pictureEnd) && time.Since(info.ModTime()) > leftBehind {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

func writePicture(file string, png []byte) error { return durable.WriteFile(file, png, 0o600) }

func removePicture(s *shown) {
	if s.file != "" {
		_ = os.Remove(s.file)
		s.file = ""
	}
}

// xdgOpen shows a page or a picture in the user's own program. The argument is
// seen in the process list for a moment, as it is in that program's own.
func xdgOpen(ctx context.Context, target, token string) error {
	cmd := exec.CommandContext(ctx, "xdg-open", target)
	if token != "" {
		cmd.Env = append(os.Environ(), "XDG_ACTIVATION_TOKEN="+token, "DESKTOP_STARTUP_ID="+token)
	}
	return cmd.Run()
}
