package control

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (s *Server) credential(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	want, err := wanted(query)
	if err != nil {
		return err
	}
	after, given, wait, err := waiting(query)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	got, err := s.newer(r.Context(), name, want, after, wait)
	if err != nil {
		return err
	}
	tag := `"` + strconv.FormatUint(got.Generation, 10) + `"`
	w.Header().Set("ETag", tag)
	if given && got.Generation <= after || holds(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if err := s.parts.Credentials.Read(r.Context(), name, want.Format, PeerOf(r.Context())); err != nil {
		w.Header().Del("ETag")
		if r.Context().Err() == nil && !isProblem(err, client.ProblemStorage) {
			s.parts.Log.Error().Err(err).Msg("a reading could not be recorded")
			err = &client.Problem{Type: client.ProblemStorage,
				Detail: "the reading could not be recorded, so the credential stays here"}
		}
		return err
	}
	writeBody(w, http.StatusOK, cmp.Or(got.ContentType, "application/octet-stream"), got.Body)
	return nil
}

func wanted(query url.Values) (CredentialQuery, error) {
	token, err := boolean(query, "with_refresh_token")
	if err != nil {
		return CredentialQuery{}, err
	}
	stale, err := boolean(query, "stale")
	if err != nil {
		return CredentialQuery{}, err
	}
	return CredentialQuery{Format: cmp.Or(query.Get("format"), "header"), WithRefreshToken: token, Stale: stale}, nil
}

// newer returns the credential once its generation is beyond after, and what
// there is when the wait is over.
//
// A session that dies during the wait ends it, so that the caller hears of it
// at once. One that was dead from the start does not: whoever calls in a loop
// would spin on the refusals, and wants the credential of the next login.
func (s *Server) newer(ctx context.Context, name string, want CredentialQuery, after uint64, wait time.Duration) (Credential, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	for wasDead := true; ; {
		changed := s.parts.Journal.Changed()
		got, err := s.parts.Credentials.Credential(name, want)
		dead := isProblem(err, client.ProblemNeedsLogin)
		if err == nil && got.Generation > after || err != nil && !(dead && wasDead) || wait == 0 {
			return got, err
		}
		wasDead = dead
		select {
		case <-changed:
		case <-over.C:
			return got, err
		case <-s.closing:
			return got, err
		case <-ctx.Done():
			return Credential{}, ctx.Err()
		}
	}
}

// holds reports whether an If-None-Match names a tag. The comparison is the
// weak one, as that header wants it.
func holds(headers []string, tag string) bool {
	for _, header := range headers {
		for one := range strings.SplitSeq(header, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
