package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

const secretPrefix = "whsec_"

// parseSecrets returns the keys that the secrets stand for. A newline at the
// end is what a file has and no part of the secret; missing padding is what
// some generators leave out.
func parseSecrets(secrets []secret.String) ([]secret.String, error) {
	var keys []secret.String
	for _, s := range secrets {
		text, ok := strings.CutPrefix(strings.TrimSpace(s.Reveal()), secretPrefix)
		if !ok {
			return nil, errors.New("a webhook secret must begin with whsec_")
		}
		key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil || len(key) == 0 {
			return nil, errors.New("a webhook secret must be base64 after whsec_")
		}
		keys = append(keys, secret.New(string(key)))
	}
	return keys, nil
}

// sign returns the signatures of a message, one for each key.
func sign(keys []secret.String, id, stamp string, body []byte) string {
	signatures := make([]string, 0, len(keys))
	for _, key := range keys {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(signatures, " ")
}
