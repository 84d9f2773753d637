package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"unicode"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// The types of a [Store].
const (
	StoreBolt = "bolt"
	StoreEtcd = "etcd"
)

// Store says what the accounts are kept in.
type Store struct {
	// Type is [StoreBolt] or [StoreEtcd].
	Type string `toml:"type"`
	// What follows is for etcd: its members, below which key everything lies, what
	// each side shows the other, who the keeper is there, and its name among others.
	Endpoints    []string `toml:"endpoints"`
	Prefix       string   `toml:"prefix"`
	CAFile       string   `toml:"ca_file"`
	CertFile     string   `toml:"cert_file"`
	KeyFile      string   `toml:"key_file"`
	User         string   `toml:"user"`
	PasswordFile string   `toml:"password_file"`
	Host         string   `toml:"host"`
}

func (s Store) check(f *faults) {
	if !f.Word("store.type", s.Type, StoreBolt, StoreEtcd) || s.Type == StoreBolt {
		return
	}
	if len(s.Endpoints) == 0 {
		f.Add("store.endpoints", "names no member of etcd", `write ["https://10.0.0.1:2379", …]`)
	}
	for i, endpoint := range s.Endpoints {
		if fault := s.endpointFault(endpoint); fault != nil {
			f.AddFault(fmt.Sprintf("store.endpoints[%d]", i), fault)
		}
	}
	if !plainPrefix(s.Prefix) {
		f.Add("store.prefix", fmt.Sprintf("%q is no prefix", setting.Clip(s.Prefix)), `write "/bilikeeper"`)
	}
	for key, path := range map[string]string{"ca_file": s.CAFile, "cert_file": s.CertFile, "key_file": s.KeyFile, "password_file": s.PasswordFile} {
		f.Path("store."+key, path)
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		f.Add("store.cert_file", "and key_file belong together", "give both or neither")
	}
	if (s.User == "") != (s.PasswordFile == "") {
		f.Add("store.user", "and password_file belong together", "give both or neither")
	}
	if s.Host != "" && !ValidName(s.Host) {
		f.Add("store.host", fmt.Sprintf("%q is not a name", setting.Clip(s.Host)), hintName)
	}
}

// Check says what is wrong with a store that is not in a configuration's file.
func (s Store) Check() error {
	f := new(faults)
	s.check(f)
	for _, found := range f.Found() {
		return fmt.Errorf("%s: %w", found.Key, &setting.Fault{What: found.What, Hint: found.Hint})
	}
	return nil
}

// endpointFault says what is wrong with the address of a member.
func (s Store) endpointFault(endpoint string) *setting.Fault {
	u, ok := setting.WebURL(endpoint)
	if !ok || u.User != nil || u.Port() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return &setting.Fault{What: "is no address of a member of etcd", Hint: `write "https://10.0.0.1:2379"`}
	}
	if (u.Scheme == "https") != s.encrypted() {
		return &setting.Fault{What: "is not reached as the first one is", Hint: "use https for all, or http for all"}
	}
	return nil
}

// plainPrefix reports whether keys in etcd can begin with a text.
func plainPrefix(prefix string) bool {
	return strings.HasPrefix(prefix, "/") && prefix != "/" && path.Clean(prefix) == prefix &&
		!strings.ContainsFunc(prefix, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' || r == ',' })
}

// encrypted reports whether the way to the members is.
func (s Store) encrypted() bool {
	return len(s.Endpoints) > 0 && strings.HasPrefix(s.Endpoints[0], "https://")
}

func (s Store) warnings() (w []string) {
	if s.Type != StoreEtcd || s.encrypted() {
		return nil
	}
	for _, endpoint := range s.Endpoints {
		if u, ok := setting.WebURL(endpoint); ok && s.User != "" && !outbound.Local(u.Hostname()) {
			w = append(w, "store.endpoints are reached in the clear: whoever is on the way can read the password of store.user")
			break
		}
	}
	if s.CAFile != "" || s.CertFile != "" {
		w = append(w, "store.endpoints are reached by http: store.ca_file and store.cert_file do nothing")
	}
	return w
}

// files lists the files with secrets.
func (s Store) files() (list []setting.File) {
	if s.Type != StoreEtcd {
		return nil
	}
	if s.KeyFile != "" {
		list = append(list, setting.File{Key: "store.key_file", Path: s.KeyFile, Form: func(text string) (string, error) { return text, nil }})
	}
	if s.PasswordFile != "" {
		list = append(list, s.passwordFile())
	}
	return list
}

func (s Store) passwordFile() setting.File {
	return setting.File{Key: "store.password_file", Path: s.PasswordFile, Form: setting.Line}
}

// Password is what the user of etcd shows; there may be none.
func (s Store) Password(read setting.Reader) (secret.String, error) {
	if s.PasswordFile == "" {
		return secret.String{}, nil
	}
	p, err := s.passwordFile().Read(read)
	if err != nil {
		return p, fmt.Errorf("password_file: %w", err)
	}
	return p, nil
}

// TLS is how the members are spoken to, nil where that is in the clear.
func (s Store) TLS(read setting.Reader) (*tls.Config, error) {
	if !s.encrypted() {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		text, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", readFault(err))
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("ca_file: there is no certificate in it")
		}
	}
	if s.CertFile != "" {
		pair, err := s.pair(read)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			// It was replaced meanwhile, perhaps, or is being so.
			if now, err := s.pair(read); err == nil {
				return &now, nil
			}
			return &pair, nil
		}
	}
	return c, nil
}

// pair is what the keeper shows.
func (s Store) pair(read setting.Reader) (pair tls.Certificate, err error) {
	cert, err := os.ReadFile(s.CertFile)
	if err != nil {
		return pair, fmt.Errorf("cert_file: %w", readFault(err))
	}
	key, err := read(s.KeyFile)
	if err != nil {
		return pair, fmt.Errorf("key_file: %w", err)
	}
	if pair, err = tls.X509KeyPair(cert, []byte(key)); err != nil {
		err = fmt.Errorf("cert_file and key_file: %w", err)
	}
	return pair, err
}
