package vaultcmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

func migrateCommand(a *access) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Move everything from the vault into etcd, or back; the keeper has to be stopped",
		Long: `Moves accounts, journal and slots to another place, with the same key: what opens
the vault opens it there, recovery keys included. Both sides are read from end to end
and their digests compared, and the old vault is left as it is: a file as
vault.db.moved-TIME, in etcd with a note. Cut off at any moment, it goes on when it is
run again. The configuration is not changed; the lines to change are printed.

PLACE is one of:

  etcd                        what [store] names
  etcd://HOST:PORT,…/PREFIX   members of etcd; how they are spoken to [store] says.
                              http:// in the place of etcd:// is in the clear, https://
                              is not; etcd:// is https, but for this machine alone
  bolt                        the file in the state directory
  bolt:FILE                   another file, which vault restore puts in place

From etcd everything comes that the keepers share, and what this host keeps for
itself. All keepers have to be stopped then.`,
		Example: `  bilikeeper vault migrate --to etcd://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379/bilikeeper
  bilikeeper vault migrate --to bolt`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return migrate(cmd.Context(), a, to) },
	}
	cmd.Flags().StringVar(&to, "to", "", "where everything is moved to (`place`)")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions([]string{config.StoreEtcd, config.StoreBolt}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// migrated is what migrate prints with --json.
type migrated struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Records int    `json:"records"`
	Events  int    `json:"events"`
	Digest  string `json:"sha256"`
	// Aside is where the old vault is now, "" where it stays in its place.
	Aside string `json:"aside"`
	// Configuration is what belongs into the configuration now.
	Configuration string `json:"configuration"`
}

func migrate(ctx context.Context, a *access, place string) error {
	if place == "" {
		return cli.Fail(cli.ExitUsage, "--to etcd://HOST:PORT/PREFIX, for example", "where everything is to be moved is not said")
	}
	if _, running, err := a.running(ctx); err != nil || running {
		if err == nil {
			err = cli.Fail(cli.ExitFailed, "stop the keeper first: bilikeeper service stop, or kill the process; this needs the vault for itself", "a keeper runs")
		}
		return err
	}
	m, err := a.migration(place)
	if err != nil {
		return err
	}
	done := a.env.Working("Everything is moved")
	result, err := m.run(a.env.Stores)
	done()
	if err != nil {
		return explain(err)
	}
	return a.env.Show(result, func() {
		a.env.Say("Moved %d records and %d entries of the journal from %s to %s. Both were read from end to end, and are the same:", result.Records, result.Events, result.From, result.To)
		a.env.Print("sha256 %s\n", result.Digest)
		if result.Aside != "" {
			a.env.Say("The vault that was moved is now %s. Delete it when all is well.", result.Aside)
		} else {
			a.env.Say("What was moved stays where it was, and no keeper begins with it.")
		}
		a.env.Say("Write this into %s before the keeper is started again:", a.env.Located().Config)
		a.env.Print("%s", result.Configuration)
	})
}

// migration is what is moved, and where to.
type migration struct{ from, to parts.Opening }

// migration reads the configuration and the place. Where this program does not reach
// one of the two, the one that does takes over.
func (a *access) migration(place string) (m migration, err error) {
	if m.from, err = a.opening(a.secrets.Keys()); err != nil {
		return m, err
	}
	c, p, err := cli.LoadConfig(a.env, func(p config.Places) (config.Config, config.Places, error) { return p.Read(daemon.Checks()) })
	if err != nil {
		return m, err
	}
	m.from.Store, m.from.Places, m.from.Alone = c.Store, p, true
	m.to = m.from
	if m.to.Store, m.to.Path, err = storeAt(place, c.Store); err != nil {
		return m, err
	}
	if err := cli.HandOverTo(a.env, m.to.Store.Type); err != nil {
		return m, err
	}
	if m.to.Store.Type == config.StoreBolt && m.from.Store.Type == config.StoreBolt && m.to.File().Path == m.from.File().Path {
		return m, cli.Fail(cli.ExitUsage, "name another place", "the vault is there already")
	}
	return m, nil
}

// storeAt is the store that a place names; how etcd is spoken to is as configured.
func storeAt(place string, as config.Store) (s config.Store, path string, err error) {
	s = as
	scheme, rest, _ := strings.Cut(place, ":")
	switch scheme {
	case "bolt":
		s.Type = config.StoreBolt
		if rest != "" {
			path, err = filepath.Abs(rest)
		}
		return s, path, err
	case "etcd", "http", "https":
		s.Type = config.StoreEtcd
		if rest != "" {
			members, prefix, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
			s.Prefix, s.Endpoints = "/"+prefix, nil
			for member := range strings.SplitSeq(members, ",") {
				s.Endpoints = append(s.Endpoints, schemeOf(scheme, member, as)+"://"+member)
			}
		}
		if err := s.Check(); err != nil {
			return s, "", cli.Fail(cli.ExitUsage, "etcd://HOST:PORT/PREFIX names one", "%s is no place: %w", place, err)
		}
		return s, "", nil
	}
	return s, "", cli.Fail(cli.ExitUsage, "etcd://HOST:PORT/PREFIX names one", "%s is no place", place)
}

// schemeOf is how a member is spoken to.
func schemeOf(scheme, member string, as config.Store) string {
	if scheme != "etcd" {
		return scheme
	}
	u, ok := setting.WebURL("http://" + member)
	if ok && outbound.Local(u.Hostname()) && as.CAFile == "" && as.CertFile == "" {
		return "http"
	}
	return "https"
}

// run moves everything. The old vault is left before the new one may be used: whoever
// is cut off in between runs it again, and no keeper begins with either.
func (m migration) run(stores parts.Stores) (r migrated, err error) {
	from, err := stores.Open(m.from)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrGone) {
		return m.end(stores, err)
	}
	if err != nil {
		return r, err
	}
	defer func() { _ = from.Close() }()
	seed, err := from.Seed()
	if err != nil {
		return r, err
	}
	if _, found, err := transfer.StateOf(from); err == nil && found {
		if r, err := m.end(stores, nil); err == nil {
			return r, nil // it was left, and nothing but the end is missing
		}
	}
	m.to.Seed, m.to.Existing = &seed, false
	to, err := stores.Open(m.to)
	if errors.Is(err, vault.ErrWrongKey) {
		err = fmt.Errorf("%w: %w", transfer.ErrOther, err)
	}
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	filled, err := transfer.Fill(from, to, nil)
	if err != nil {
		return r, err
	}
	r = m.result(from.Info().Path, to, filled.Digest)
	if file, ok := from.(*vault.File); ok {
		r.Aside, err = vault.SetAside(file)
	} else {
		err = transfer.Leave(from, r.To, filled.Digest)
	}
	if err == nil {
		err = transfer.Release(to)
	}
	return r, err
}

// end does what is left where the old vault has been left already. missing is why there
// is nothing to be moved, should there be nothing to be ended either.
func (m migration) end(stores parts.Stores, missing error) (r migrated, err error) {
	m.to.Existing = true
	to, err := stores.Open(m.to)
	if err != nil {
		return r, errors.Join(missing, err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	s, found, err := transfer.StateOf(to)
	if err != nil || !found || s.Stage != transfer.StageFilled {
		return r, errors.Join(missing, err)
	}
	return m.result(s.Other, to, s.Digest), transfer.Release(to)
}

func (m migration) result(from string, to vault.Vault, digest string) migrated {
	info := to.Info()
	r := migrated{From: from, To: info.Path, Events: info.Events, Digest: digest, Configuration: "\n[store]\ntype = \"bolt\"\n"}
	for kind, n := range info.Records {
		if kind != transfer.Kind {
			r.Records += n
		}
	}
	if m.to.Store.Type == config.StoreEtcd {
		var quoted []string
		for _, endpoint := range m.to.Store.Endpoints {
			quoted = append(quoted, fmt.Sprintf("%q", endpoint))
		}
		r.Configuration = fmt.Sprintf("\n[store]\ntype = \"etcd\"\nendpoints = [%s]\nprefix = %q\n", strings.Join(quoted, ", "), m.to.Store.Prefix)
	}
	return r
}
