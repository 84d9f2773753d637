package daemon

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	known "github.com/bilikeeper/bilikeeper/notify/channels"
)

func parse(data []byte, name string) (config.Config, error) {
	return config.Parse(data, name, Checks())
}

func load(path string) (config.Config, error) { return config.Load(path, Checks()) }

// channel is an entry of a type with some of its keys, which are pairs.
func channel(t *testing.T, kind string, keys ...any) config.Notify {
	t.Helper()
	for _, k := range known.Kinds() {
		if k.Name != kind {
			continue
		}
		n := config.Notify{Name: "phone", Type: kind, Keys: k.New(), Events: []string{"*"}, Accounts: []string{"*"}}
		for i := 0; i < len(keys); i += 2 {
			text, err := toml.Marshal(map[string]any{keys[i].(string): keys[i+1]})
			if err == nil {
				err = toml.Unmarshal(text, n.Keys)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	t.Fatalf("there is no type %s", kind)
	return config.Notify{}
}

// key is what a channel has in a key.
func key(n config.Notify, name string) string {
	v := reflect.ValueOf(n.Keys).Elem()
	for _, f := range setting.Fields(v.Type()) {
		if setting.KeyOf(f) == name {
			return fmt.Sprint(v.FieldByIndex(f.Index))
		}
	}
	return ""
}

func secretsOf(n config.Notify) (setting.Secrets, error) {
	return setting.ReadAll(setting.Files(n.Keys), config.ReadSecret)
}
