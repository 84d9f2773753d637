package output_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// readers read a format as its tool does, and return what it takes for the
// Cookie header.
func readers(shell string) map[string]func(body []byte) (string, error) {
	all := map[string]func(body []byte) (string, error){
		"header":         func(b []byte) (string, error) { return strings.TrimSuffix(string(b), ";"), nil },
		"rsshub":         dockerEnv,
		"rsshub-systemd": systemdEnv,
		"yutto": func(b []byte) (string, error) {
			var f struct{ Profiles map[string]map[string]string }
			err := toml.Unmarshal(b, &f)
			return "SESSDATA=" + f.Profiles["default"]["sessdata"], err
		},
		"blrec": func(b []byte) (string, error) {
			var f struct{ Header struct{ Cookie string } }
			err := toml.Unmarshal(b, &f)
			return strings.TrimSuffix(f.Header.Cookie, ";"), err
		},
		"toolpro": func(b []byte) (string, error) {
			var f struct{ BiliBiliCookies []string }
			err := json.Unmarshal(b, &f)
			return f.BiliBiliCookies[0], err
		},
		"bilibili-api": func(b []byte) (string, error) {
			var f map[string]string
			err := json.Unmarshal(b, &f)
			return "SESSDATA=" + f["sessdata"], err
		},
		"bililive-go": func(b []byte) (string, error) {
			// A flow scalar in double quotes, which JSON reads too.
			_, quoted, _ := bytes.Cut(b, []byte("live.bilibili.com: "))
			var line string
			err := json.Unmarshal(quoted, &line)
			return line, err
		},
		"netscape": func(b []byte) (string, error) {
			last := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
			fields := strings.Split(last[len(last)-1], "\t")
			return strings.Join(fields[5:], "="), nil
		},
	}
	if shell != "" {
		sourced := func(name string) func(b []byte) (string, error) {
			return func(b []byte) (string, error) {
				cmd := exec.Command(shell, "-c", `eval "$LINES_TO_READ"; printf '%s.' "$`+name+`"`)
				cmd.Env = []string{"LINES_TO_READ=" + string(b)}
				out, err := cmd.Output()
				return strings.TrimSuffix(string(out), "."), err
			}
		}
		all["rsshub-shell"] = sourced("BILIBILI_COOKIE_100200300")
		all["env"] = sourced("BILIBILI_COOKIE")
	}
	return all
}

// dockerEnv reads a line as docker run --env-file does.
func dockerEnv(body []byte) (string, error) {
	scanner := bufio.NewScanner(bytes.NewReader(body))
	scanner.Scan()
	line := strings.TrimLeftFunc(scanner.Text(), unicode.IsSpace)
	_, value, ok := strings.Cut(line, "=")
	if !ok || !utf8.ValidString(line) || strings.HasPrefix(line, "#") || scanner.Scan() {
		return "", errors.New("docker does not take this line")
	}
	return value, nil
}

// systemdEnv reads a value in double quotes as EnvironmentFile= does.
func systemdEnv(body []byte) (string, error) {
	_, text, _ := strings.Cut(strings.TrimSuffix(string(body), "\n"), "=")
	if len(text) < 2 || text[0] != '"' || !utf8.ValidString(text) {
		return "", errors.New("not in double quotes")
	}
	var value strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			if i != len(text)-1 {
				return "", errors.New("something follows the quotes")
			}
			return value.String(), nil
		case text[i] == '\\' && i+1 < len(text):
			i++
			if !strings.ContainsRune("\"\\`$", rune(text[i])) {
				value.WriteByte('\\')
			}
			value.WriteByte(text[i])
		default:
			value.WriteByte(text[i])
		}
	}
	return "", errors.New("the quotes do not end")
}

// Whatever is in a value, its reader gets it back, or the format refuses it.
func FuzzQuoting(f *testing.F) {
	for _, v := range []string{
		sessdata, `a'b`, `a"b`, `'`, `''`, `\`, `a\`, `\'`, `\"`, "`id`", `$(id)`, `$HOME`, `${x}`, `%2C`, `%s`, `#a`, ` a `, `a=b`, "中文",
		"a\nb", "a\r\nb", "a\tb", "a;b", "\x00", "\xff", "\x7f", "\u2028", `"""`, `'''`, "a: b", "{}", "!", `\u0041`,
	} {
		f.Add(v)
	}
	shell, _ := exec.LookPath("sh")
	all := readers(shell)
	f.Fuzz(func(t *testing.T, value string) {
		c := sample()
		c.Cookies = c.Cookies[:1]
		c.Cookies[0].Value = secret.New(value)
		strange := !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || r == ';' })
		for format, read := range all {
			r, err := output.Render(format, c, output.Options{})
			if err != nil {
				if !errors.Is(err, output.ErrUnsuitable) || !strange {
					t.Errorf("%s does not take %q: %v", format, value, err)
				}
				continue
			}
			if got, err := read(r.Body); err != nil || got != "SESSDATA="+value {
				t.Errorf("%s: the reader got %q of %q, %v", format, got, value, err)
			}
		}
	})
}
