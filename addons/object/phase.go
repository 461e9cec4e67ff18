package object

// The phases in which objects are made; they go the other way round.
const (
	PhaseNamespaces = iota
	PhaseParts      // what routes name
	PhaseRoutes     // one that came before its middlewares would answer 404 for a while
	Phases
)

// Phase is the one of a kind's objects.
func Phase(k Kind) int {
	switch k.Name {
	case "Namespace":
		return PhaseNamespaces
	case "Ingress", "IngressRouteTCP":
		return PhaseRoutes
	}
	return PhaseParts
}
