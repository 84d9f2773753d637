package client

// Health is the answer to GET /v1/healthz.
type Health struct {
	Status  string `json:"status"`
	Version string `json:"version"`
}

// HealthOK is the status of a keeper that answers.
const HealthOK = "ok"

// Readiness is the answer to GET /v1/readyz, with status 503 where Ready is false.
type Readiness struct {
	Ready bool   `json:"ready"`
	Parts []Part `json:"parts"`
}

// Part is a part of the keeper: vault, schedule, socket, page, serve, metrics,
// channel:NAME or output:NAME.
type Part struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	// Reason says why it is not ready, or what is to be known where it is.
	Reason string `json:"reason"`
}
