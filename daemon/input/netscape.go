package input

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// httpOnlyPrefix marks a cookie, though the line looks like a comment.
const httpOnlyPrefix = "#HttpOnly_"

// netscapeFieldCount is domain, sub domains, path, secure, expiry, name, value.
const netscapeFieldCount = 7

// netscape reads a cookies.txt. The line that names the format may be missing;
// a line that is none is left out and counted, as one that a person added by
// hand should not cost the login.
func (c *collector) netscape(text string) *Error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		// Not TrimSpace: the tab before an empty value belongs to the line.
		line = strings.Trim(line, "\r\n ")
		if strings.TrimSpace(line) == "" || isComment(line) {
			continue
		}
		fields, ok := netscapeFields(line)
		if !ok {
			c.badLine(n)
			continue
		}
		if !strings.Contains(line, "\t") {
			c.spaces = true
		}
		domain, httpOnly := strings.CutPrefix(fields[0], httpOnlyPrefix)
		c.add(cookie.Cookie{
			Name: fields[5], Value: secret.New(fields[6]), Domain: domain, Path: fields[2],
			Expires: seconds(fields[4]), HTTPOnly: httpOnly, Secure: strings.EqualFold(fields[3], "TRUE"),
		})
	}
	return nil
}

func isComment(line string) bool {
	return strings.HasPrefix(line, "#") && !strings.HasPrefix(line, httpOnlyPrefix)
}

// isMagic knows the first line that readers demand.
func isMagic(line string) bool {
	return strings.HasPrefix(line, "# Netscape HTTP Cookie File") || strings.HasPrefix(line, "# HTTP Cookie File")
}

// netscapeFields splits a line at its tabs, or at spaces where a terminal or a
// web page turned the tabs into those. The value may be missing: writers trim
// the tab before an empty one.
func netscapeFields(line string) ([]string, bool) {
	if isComment(line) {
		return nil, false
	}
	fields := strings.SplitN(line, "\t", netscapeFieldCount)
	if len(fields) == 1 {
		fields = strings.Fields(line)
	}
	if len(fields) == netscapeFieldCount-1 && isFlag(fields[1]) && isFlag(fields[3]) && !isSeconds(fields[4]) {
		// A writer that leaves the expiry of a session's cookie out.
		fields = slices.Insert(fields, 4, "0")
	}
	if len(fields) == netscapeFieldCount-1 {
		fields = append(fields, "")
	}
	if len(fields) != netscapeFieldCount || !isFlag(fields[1]) || !isFlag(fields[3]) {
		return nil, false
	}
	return fields, true
}

func isSeconds(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil
}

func isFlag(s string) bool { return strings.EqualFold(s, "TRUE") || strings.EqualFold(s, "FALSE") }

// seconds reads the end of a cookie's life in seconds since 1970. Zero, less,
// and what is no number mean a cookie of the browser's session.
func seconds(text string) time.Time {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return time.Time{}
	}
	return moment(n)
}

// moment takes milliseconds too, which some browser extensions write: in
// seconds, such a number would be thousands of years away.
func moment(n float64) time.Time {
	const year5000, year9999 = 95_617_584_000, 253_402_300_799
	if n > year5000 {
		n /= 1000
	}
	if math.IsNaN(n) || n < 1 || n > year9999 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}
