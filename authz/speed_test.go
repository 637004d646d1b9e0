package authz

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"portvakt/internal/directory"
)

// crowdQuestions are many, so that no cache of the processor knows them all, and of a sort.
func crowdQuestions(m *directory.AccessModel, s *Snapshot, wanted func(Reason) bool) []Question {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]Question, 0, 1<<14)
	for len(out) < cap(out) {
		q := Question{Subject: m.Members[r.IntN(len(m.Members))].ID, Module: m.Modules[r.IntN(40)].Key, Action: []string{"view", "view", "edit", "export"}[r.IntN(4)],
			Owner: Owner{Member: m.Members[r.IntN(len(m.Members))].ID}, At: testNow}
		if r.IntN(2) == 0 {
			q.Segment = m.Segments[r.IntN(10)].Key
		}
		if wanted(s.Decide(q).Reason) {
			out = append(out, q)
		}
	}
	return out
}

// BenchmarkDecide asks whatever comes, and apart from that what is decided last and with most work: by a sharing rule, or by
// the lack of one.
func BenchmarkDecide(b *testing.B) {
	m := crowd(b)
	s := Compile(m)
	for name, wanted := range map[string]func(Reason) bool{
		"any":    func(Reason) bool { return true },
		"record": func(r Reason) bool { return r == ReasonShared || r == ReasonNotShared },
	} {
		b.Run(name, func(b *testing.B) {
			questions := crowdQuestions(m, s, wanted)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Decide(questions[i&(len(questions)-1)])
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	m := crowd(b)
	b.ReportAllocs()
	for b.Loop() {
		Compile(m)
	}
}

func BenchmarkWith(b *testing.B) {
	m := crowd(b)
	s := Compile(m)
	b.ReportAllocs()
	for b.Loop() {
		s.With(m.Members[5000])
	}
}

func BenchmarkGroups(b *testing.B) {
	m := crowd(b)
	s, i := Compile(m), 0
	b.ReportAllocs()
	for b.Loop() {
		s.Groups(m.Members[i%len(m.Members)].ID)
		i++
	}
}

func BenchmarkFilter(b *testing.B) {
	m := crowd(b)
	s := Compile(m)
	b.ReportAllocs()
	for b.Loop() {
		s.Filter(Question{Subject: m.Members[3].ID, Module: m.Modules[3].Key, Action: "view", At: testNow})
	}
}

// TestDecideAllocatesNothing holds the yes/no path free of garbage.
func TestDecideAllocatesNothing(t *testing.T) {
	m := crowd(t)
	s, i := Compile(m), 0
	questions := crowdQuestions(m, s, func(r Reason) bool { return r != ReasonPermission })
	if n := testing.AllocsPerRun(len(questions), func() {
		s.Decide(questions[i&(len(questions)-1)])
		i++
	}); n != 0 {
		t.Errorf("a decision allocates %v times", n)
	}
}

// TestSize compares what a snapshot says of its size with what the heap says.
func TestSize(t *testing.T) {
	m := crowd(t)
	heap := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := heap()
	snapshots := make([]*Snapshot, 8)
	for i := range snapshots {
		snapshots[i] = Compile(m)
	}
	measured := (heap() - before) / int64(len(snapshots))
	size := snapshots[0].Size()
	t.Logf("says %d, the heap %d", size, measured)
	if size > 20<<20 {
		t.Errorf("the snapshot of the crowd has %d bytes", size)
	}
	if ratio := float64(size) / float64(measured); ratio < 0.8 || ratio > 1.3 {
		t.Errorf("it says %d bytes, the heap says %d", size, measured)
	}
	runtime.KeepAlive(snapshots)
	runtime.KeepAlive(m)
}
