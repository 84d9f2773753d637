package control

import (
	"maps"
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// about is what the document says of a route beside what the table of routes
// does.
type about struct {
	summary string
	// body are the types of which a request's body is one, optional where it may
	// be left out.
	body     []any
	optional bool
	// answer are the types of which the answer is one; none is an answer without
	// a body, or one of media. also are statuses with the same body as the answer.
	answer []any
	media  []string
	also   []int
	// headers are those of the request that change the answer.
	headers []string
	// problems are the types beside those that any route may answer with.
	problems []string
}

// one is a list of the types of a body or an answer.
func one(values ...any) []any { return values }

// described is what the document says, by method and path.
func described() map[string]about {
	all := describedKeeper()
	maps.Copy(all, describedAccounts())
	maps.Copy(all, describedLogins())
	maps.Copy(all, describedDelivery())
	maps.Copy(all, describedVault())
	maps.Copy(all, describedPage())
	return all
}

func describedKeeper() map[string]about {
	unavailable := []int{http.StatusServiceUnavailable}
	return map[string]about{
		"GET /v1/healthz":       {summary: "whether the process answers", answer: one(client.Health{})},
		"GET /v1/readyz":        {summary: "which parts of the keeper work; 503 where one does not", answer: one(client.Readiness{}), also: unavailable},
		"GET /v1/readyz/{part}": {summary: "whether a part of the keeper works; 503 where it does not", answer: one(client.Readiness{}), also: unavailable, problems: []string{client.ProblemNotFound}},
		"GET /v1/openapi.json":  {summary: "this document", media: []string{"application/json"}},
		"GET /metrics":          {summary: "metrics in the format of Prometheus", media: []string{"text/plain"}},
		"GET /v1/status":        {summary: "the accounts that the caller may see, and the keeper, without asking the site", answer: one(client.Status{})},
		"GET /v1/events": {
			summary: "the journal, or with Accept: text/event-stream a live stream of it", answer: one([]client.Event{}), media: []string{"text/event-stream"},
			headers: []string{"Accept", "Last-Event-ID"}, problems: []string{client.ProblemFellOut},
		},
		"GET /v1/messages": {summary: "what people are told, in words", answer: one(client.MessageList{}), problems: []string{client.ProblemStorage}},
		"POST /v1/reload":  {summary: "read the configuration anew", body: one(struct{}{}), optional: true, answer: one(client.Reloaded{})},
	}
}

func describedPage() map[string]about {
	missing := []string{client.ProblemNotFound}
	return map[string]about{
		"POST /v1/page/links":           {summary: "a link that signs one browser in to the account page", body: one(struct{}{}), optional: true, answer: one(client.PageLink{}), problems: missing},
		"GET /v1/page/sessions":         {summary: "the browsers that are signed in", answer: one(client.PageSessionList{}), problems: missing},
		"DELETE /v1/page/sessions/{id}": {summary: "sign a browser out", body: one(struct{}{}), optional: true, problems: append(missing, client.ProblemStorage)},
	}
}

func describedAccounts() map[string]about {
	const account = "/v1/accounts/{name}"
	missing := []string{client.ProblemNoAccount}
	asking := []string{client.ProblemNoAccount, client.ProblemNeedsLogin, client.ProblemBusy, client.ProblemStorage, client.ProblemSiteAway}
	return map[string]about{
		"GET /v1/accounts": {summary: "the accounts that the caller may see", answer: one(client.AccountList{})},
		"POST /v1/accounts": {
			summary: "take over an existing login", body: one(client.ImportRequest{}), answer: one(client.ImportResult{}),
			problems: []string{client.ProblemNeedsLogin, client.ProblemSiteAway, client.ProblemBusy, client.ProblemStorage},
		},
		"GET " + account:               {summary: "one account", answer: one(client.Account{}), problems: missing},
		"GET " + account + "/history":  {summary: "how an account did day by day, until today", answer: one(client.History{}), problems: append(missing, client.ProblemStorage)},
		"PATCH " + account:             {summary: "change an account's settings", body: one(client.AccountPatch{}), answer: one(client.Account{}), problems: append(missing, client.ProblemConfigured, client.ProblemStorage)},
		"DELETE " + account:            {summary: "forget an account here; its session at the site lives on", body: one(struct{}{}), optional: true, problems: append(missing, client.ProblemStorage)},
		"POST " + account + "/check":   {summary: "ask the site whether the session lives", body: one(client.CheckRequest{}), optional: true, answer: one(client.CheckResult{}), problems: asking},
		"POST " + account + "/refresh": {summary: "rotate the credential if it is due, or with force", body: one(client.CheckRequest{}), optional: true, answer: one(client.RefreshResult{}), problems: asking},
		"POST " + account + "/logout":  {summary: "end the session at the site and forget the account", body: one(struct{}{}), optional: true, answer: one(client.LogoutResult{}), problems: asking},
		"GET " + account + "/credential": {
			summary: "the credential, in a format; with after and wait a newer one is waited for", media: formatTypes(), headers: []string{"If-None-Match"},
			problems: []string{client.ProblemNoAccount, client.ProblemNeedsLogin, client.ProblemSiteAway, client.ProblemStorage},
		},
		"GET /v1/credential": {
			summary: "the credential of one of the accounts with a tag", media: formatTypes(), headers: []string{"If-None-Match"},
			problems: []string{client.ProblemNoAccount, client.ProblemNeedsLogin, client.ProblemSiteAway, client.ProblemStorage},
		},
	}
}

func describedLogins() map[string]about {
	const login = "/v1/logins/{id}"
	missing := []string{client.ProblemNoLogin}
	return map[string]about{
		"POST /v1/logins": {
			summary: "start a login, or join the one in progress", body: one(client.LoginRequest{}), answer: one(client.Login{}),
			problems: []string{client.ProblemSiteAway, client.ProblemBusy, client.ProblemStorage},
		},
		"GET " + login:             {summary: "how a login stands; with after and wait a change is waited for", answer: one(client.Login{}), problems: missing},
		"DELETE " + login:          {summary: "end a login", body: one(struct{}{}), optional: true, problems: append(missing, client.ProblemStorage)},
		"GET " + login + "/qr.png": {summary: "the code that the login shows now, as a picture", media: []string{"image/png"}, problems: append(missing, client.ProblemNotFound)},
		"POST " + login + "/{step}": {
			summary: "a step of a login by SMS: captcha without a body, send, code", body: one(client.SMSSend{}, client.SMSCode{}, struct{}{}), optional: true,
			answer: one(client.Captcha{}, client.Login{}), problems: append(missing, client.ProblemNotFound, client.ProblemSMS, client.ProblemSiteAway, client.ProblemBusy, client.ProblemStorage),
		},
	}
}

func describedDelivery() map[string]about {
	return map[string]about{
		"GET /v1/notify":              {summary: "the notification channels", answer: one(client.ChannelList{})},
		"POST /v1/notify/{name}/test": {summary: "send a sample through a channel", body: one(struct{}{}), optional: true, answer: one(client.ChannelTest{}), problems: []string{client.ProblemNoChannel}},
		"GET /v1/outputs":             {summary: "the outputs", answer: one(client.OutputList{})},
		"POST /v1/outputs/{name}/run": {
			summary: "write an output now", body: one(struct{}{}), optional: true, answer: one(client.Output{}),
			problems: []string{client.ProblemNoOutput, client.ProblemNeedsLogin, client.ProblemOutput},
		},
	}
}

func describedVault() map[string]about {
	return map[string]about{
		"GET /v1/vault":               {summary: "the vault", answer: one(client.VaultInfo{}), problems: []string{client.ProblemStorage}},
		"GET /v1/vault/verify":        {summary: "read all of the vault", answer: one(client.VaultCheck{}), problems: []string{client.ProblemStorage}},
		"POST /v1/vault/backup":       {summary: "a sealed copy of the vault, with its digest in Repr-Digest", body: one(struct{}{}), optional: true, media: []string{"application/octet-stream"}, problems: []string{client.ProblemStorage}},
		"POST /v1/vault/slots":        {summary: "add a way to open the vault", body: one(client.VaultSlotRequest{}), answer: one(client.VaultSlotAdded{}), problems: []string{client.ProblemStorage}},
		"DELETE /v1/vault/slots/{id}": {summary: "take a way to open the vault away", problems: []string{client.ProblemNotFound, client.ProblemSlot, client.ProblemStorage}},
	}
}
