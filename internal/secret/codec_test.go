package secret

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Token String    `json:"token,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

type outer struct {
	Open  `json:"open"`
	Name  string  `json:"name"`
	One   inner   `json:"one,omitzero"`
	Many  []inner `json:"many,omitempty"`
	Ref   *inner  `json:"ref,omitempty"`
	Local int     `json:"-"`
}

// Open holds no secret.
type Open struct {
	N int `json:"n"`
}

// Embedded is a part of what it is embedded in.
type Embedded struct {
	Token String `json:"token,omitempty"`
	N     int    `json:"n"`
}

func TestSealEmbedded(t *testing.T) {
	type Plain struct {
		First int `json:"first"`
	}
	type whole struct {
		Plain
		Embedded
		Last string `json:"last"`
	}
	v := whole{Plain{1}, Embedded{New("a"), 2}, "z"}
	data, err := Seal{}.Marshal(v)
	if want := `{"first":1,"token":"a","n":2,"last":"z"}`; err != nil || string(data) != want {
		t.Fatalf("%v\n got %s\nwant %s", err, data, want)
	}
	var back whole
	if err := (Seal{}).Unmarshal(data, &back); err != nil || back != v {
		t.Errorf("%v: %#v", err, back)
	}
}

func TestSeal(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	for name, tt := range map[string]struct {
		v    outer
		want string
	}{
		"empty": {outer{}, `{"open":{"n":0},"name":""}`},
		"everything": {outer{Open: Open{N: 3}, Name: "x", One: inner{New("a"), at}, Many: []inner{{Token: New("b")}, {}}, Ref: &inner{Token: New("c")}},
			`{"open":{"n":3},"name":"x","one":{"token":"a","at":"2026-03-04T05:06:07.000000008Z"},"many":[{"token":"b"},{}],"ref":{"token":"c"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := Seal{}.Marshal(tt.v)
			if err != nil || string(data) != tt.want {
				t.Fatalf("%v\n got %s\nwant %s", err, data, tt.want)
			}
			back := outer{Local: 7}
			if err := (Seal{}).Unmarshal(data, &back); err != nil || back.Local != 7 {
				t.Errorf("%v: a field that is not in the document became %d", err, back.Local)
			}
			if back.Local = 0; !reflect.DeepEqual(back, tt.v) {
				t.Errorf("%v: %#v", err, back)
			}
			// Anybody else still sees the mark only.
			if open, _ := json.Marshal(tt.v); strings.Contains(string(open), `"a"`) {
				t.Errorf("a secret was printed: %s", open)
			}
		})
	}
	if err := (Seal{}).Unmarshal([]byte("{}"), outer{}); err == nil {
		t.Error("a value that cannot be read into was taken")
	}
	if err := (Seal{}).Unmarshal([]byte("["), &outer{}); err == nil {
		t.Error("half a document was taken")
	}
}
