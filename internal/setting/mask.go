package setting

import (
	"reflect"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
)

// MaskedText stands where a part of a value was that may be a secret. It can be
// part of a URL, so that what is printed can be loaded.
const MaskedText = "redacted"

const maskedURL = "https://" + MaskedText + ".invalid"

// Masked returns a table without what may be a secret, as the mask tags of its
// fields say: "path" keeps the scheme and the host of a URL, "proxy" those of a
// proxy, "user" all but the user part and what follows the path, "service" the scheme
// alone, "text" nothing, and "values" the keys of a map.
func Masked[T any](table T) T {
	original := reflect.ValueOf(table)
	if original.Kind() != reflect.Pointer {
		masked := reflect.New(original.Type()).Elem()
		masked.Set(original)
		mask(masked)
		return masked.Interface().(T)
	}
	if original.IsNil() {
		return table
	}
	masked := reflect.New(original.Type().Elem())
	masked.Elem().Set(original.Elem())
	mask(masked.Elem())
	return masked.Interface().(T)
}

func mask(table reflect.Value) {
	for f, v := range fieldsOf(table) {
		switch kind := f.Tag.Get("mask"); {
		case kind == "" || v.IsZero():
		case kind == "values":
			hidden := reflect.MakeMap(v.Type())
			for _, key := range v.MapKeys() {
				hidden.SetMapIndex(key, reflect.ValueOf(MaskedText))
			}
			v.Set(hidden)
		default:
			v.SetString(maskText(kind, v.String()))
		}
	}
}

func maskText(kind, raw string) string {
	switch kind {
	case "path":
		return maskPath(raw)
	case "proxy":
		if u, err := outbound.ParseProxy(raw); err == nil && u != nil {
			return u.Scheme + "://" + u.Host
		}
		return "http://" + MaskedText + ".invalid"
	case "user":
		return maskUser(raw)
	case "service":
		if scheme, ok := Service(raw); ok {
			return scheme + "://" + MaskedText
		}
		return maskPath(raw)
	}
	return MaskedText
}

func maskPath(raw string) string {
	u, ok := WebURL(raw)
	if !ok {
		return maskedURL
	}
	origin := u.Scheme + "://" + u.Host
	if (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == "" && u.User == nil {
		return origin + u.Path
	}
	return origin + "/" + MaskedText
}

func maskUser(raw string) string {
	u, ok := WebURL(raw)
	switch {
	case !ok:
		return maskedURL
	case u.User == nil && u.RawQuery == "" && u.Fragment == "":
		return raw
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
