package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"portvakt/internal/httpserver"
)

// listenMetrics takes the port of the metrics' own listener; it shows nothing that belongs to anybody, and still is not
// for the public.
func (s *server) listenMetrics(w world) (err error) {
	cfg := httpserver.DefaultConfig()
	cfg.Addr = s.o.Metrics.Addr
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), watched{s})
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	if s.metrics, err = httpserver.New(cfg, routes, newLog(w, s.o.Log)); err != nil {
		return mistake{err}
	}
	if _, err = s.metrics.Listen(); err != nil {
		return mistakef("metrics: %w", err)
	}
	return nil
}

// watched collects what operators watch.
type watched struct{ s *server }

var (
	panicsTotal   = prometheus.NewDesc("portvakt_panics_total", "Requests that panicked since the start.", nil, nil)
	outboxWaiting = prometheus.NewDesc("portvakt_outbox_waiting", "Deliveries that are not done yet.", nil, nil)
	outboxOldest  = prometheus.NewDesc("portvakt_outbox_oldest_seconds", "Age of the oldest delivery that is not done yet.", nil, nil)
	outboxGivenUp = prometheus.NewDesc("portvakt_outbox_given_up", "Deliveries that were given up after the last try.", nil, nil)

	codesAccepted = prometheus.NewDesc("portvakt_one_time_codes_total",
		"One-time codes accepted since the start, by the steps of 30 seconds that the app's clock was behind (-1) or ahead (1).", []string{"steps"}, nil)

	accessSnapshots = prometheus.NewDesc("portvakt_access_snapshots", "Organizations whose access model is held compiled.", nil, nil)
	accessBytes     = prometheus.NewDesc("portvakt_access_snapshot_bytes", "About how much memory these take.", nil, nil)
	accessRebuilds  = prometheus.NewDesc("portvakt_access_rebuilds_total", "Access models read and compiled since the start.", nil, nil)
	accessSeconds   = prometheus.NewDesc("portvakt_access_rebuild_seconds_total", "Time spent on that, reading included.", nil, nil)
	accessEvicted   = prometheus.NewDesc("portvakt_access_evictions_total", "Access models let go for want of memory.", nil, nil)
)

// Describe names the metrics.
func (watched) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{panicsTotal, outboxWaiting, outboxOldest, outboxGivenUp, codesAccepted,
		accessSnapshots, accessBytes, accessRebuilds, accessSeconds, accessEvicted} {
		out <- d
	}
}

// Collect reads them; a database that does not answer leaves the outbox's out.
func (c watched) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(panicsTotal, prometheus.CounterValue, float64(c.s.main.Panics()))
	for steps, n := range c.s.house.credentials.Drift() {
		out <- prometheus.MustNewConstMetric(codesAccepted, prometheus.CounterValue, float64(n), strconv.Itoa(steps))
	}
	a := c.s.house.engine.Stats()
	for d, n := range map[*prometheus.Desc]float64{accessSnapshots: float64(a.Snapshots), accessBytes: float64(a.Bytes)} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n)
	}
	for d, n := range map[*prometheus.Desc]float64{accessRebuilds: float64(a.Rebuilds), accessSeconds: a.Seconds, accessEvicted: float64(a.Evictions)} {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	backlog, err := c.s.house.events.Backlog(ctx)
	if err != nil {
		return
	}
	out <- prometheus.MustNewConstMetric(outboxWaiting, prometheus.GaugeValue, float64(backlog.Waiting))
	out <- prometheus.MustNewConstMetric(outboxOldest, prometheus.GaugeValue, backlog.Oldest.Seconds())
	out <- prometheus.MustNewConstMetric(outboxGivenUp, prometheus.GaugeValue, float64(backlog.GivenUp))
}
