package firewall

import (
	"fmt"
	"strconv"
	"strings"
)

// Describe is a rule of this table as short text for people. Without a table,
// anonymous sets appear by their number.
func (t *Table) Describe(rule Rule) string {
	var words []string
	for _, expr := range rule.Exprs {
		words = append(words, describeExpr(expr, t))
	}
	if rule.Comment != "" {
		words = append(words, fmt.Sprintf("comment %q", rule.Comment))
	}
	return strings.Join(words, " ")
}

func describeExpr(expr Expr, t *Table) string {
	args := expr.Args
	switch expr.Kind {
	case "cmp":
		return describeCmp(args)
	case "range":
		name, kind, _ := leftText(args["left"])
		return strings.Join(nonEmpty(name, negation(args["op"]), rangeText(kind, args["first"], args["last"])), " ")
	case "lookup", "vmap":
		return describeLookup(expr, t)
	case "limit":
		return describeLimit(args)
	case "ports":
		return describePorts(args)
	case "match":
		return strings.Join(nonEmpty("match", args["name"]), " ")
	}
	return describeStatement(expr)
}

// describeStatement is what a rule does, not what it asks.
func describeStatement(expr Expr) string {
	args := expr.Args
	switch expr.Kind {
	case "verdict":
		return strings.Join(nonEmpty(args["verdict"], args["chain"]), " ")
	case "log":
		return describeLog(args)
	case "note":
		return strings.Join(nonEmpty(args["name"], quoted(args["text"])), " ")
	case "dnat", "snat", "redirect", "masquerade":
		return describeNAT(expr)
	case "reject":
		return fmt.Sprintf("reject type %s code %s", args["type"], args["code"])
	case "set":
		return fmt.Sprintf("%s set %s", args["what"], args["value"])
	case "unknown":
		return fmt.Sprintf("(not understood: %s %s)", args["name"], args["raw"])
	}
	return expr.Kind
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return strconv.Quote(text)
}

func describePorts(args map[string]string) string {
	var list []string
	for entry := range strings.SplitSeq(args["list"], ",") {
		first, last, _ := strings.Cut(entry, "-")
		list = append(list, rangeText("inet_service", first, last))
	}
	side := map[string]string{"source": "sport", "destination": "dport"}[args["sides"]]
	if side == "" {
		side = "port"
	}
	return strings.Join(nonEmpty(side, negation(args["op"]), "{ "+strings.Join(list, ", ")+" }"), " ")
}

func nonEmpty(words ...string) []string {
	var kept []string
	for _, word := range words {
		if word != "" {
			kept = append(kept, word)
		}
	}
	return kept
}

func negation(op string) string {
	switch op {
	case "neq", "notin":
		return "!="
	}
	return ""
}

// leftText names a left side for people, with the type of its value if it is
// one operand, and what is done to the value before it is compared.
func leftText(left string) (name, kind, masks string) {
	if strings.Contains(left, " . ") {
		var names []string
		for part := range strings.SplitSeq(left, " . ") {
			partName, _, partMasks := leftText(part)
			names = append(names, strings.Join(nonEmpty(partName, partMasks), " & "))
		}
		return strings.Join(names, " . "), "", ""
	}
	base, masks, _ := strings.Cut(left, " & ")
	name, kind = operandName(base)
	return name, kind, masks
}

func describeCmp(args map[string]string) string {
	name, kind, masks := leftText(args["left"])
	value := valueText(kind, args["right"])
	op := args["op"]
	switch {
	case masks == "" && op == "eq" && (kind == "inet_proto" || kind == "nf_proto"):
		return value
	case isBitTest(args, masks):
		mask, _, _ := strings.Cut(masks, " ^ ")
		return strings.Join(nonEmpty(name, bitTestNegation(op), valueText(kind, mask)), " ")
	case masks != "":
		return fmt.Sprintf("%s & %s %s %s", name, masks, op, value)
	case op == "eq" || op == "neq":
		return strings.Join(nonEmpty(name, negation(op), value), " ")
	}
	sign, ok := map[string]string{"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[op]
	if !ok {
		sign = op
	}
	return name + " " + sign + " " + value
}

// isBitTest recognises "any of these bits": masked, nothing flipped, compared with 0.
func isBitTest(args map[string]string, masks string) bool {
	_, xor, found := strings.Cut(masks, " ^ ")
	return found && strings.Trim(xor, "0") == "" && strings.Trim(args["right"], "0") == "" &&
		(args["op"] == "eq" || args["op"] == "neq")
}

// bitTestNegation is the other way round: bits that are not 0 are a match.
func bitTestNegation(op string) string {
	if op == "eq" {
		return "!="
	}
	return ""
}

func describeLookup(expr Expr, t *Table) string {
	name, _, masks := leftText(expr.Args["left"])
	name = strings.Join(nonEmpty(name, masks), " & ")
	set := "@" + expr.Args["set"]
	if t != nil && strings.HasPrefix(expr.Args["set"], "#") {
		if found := t.set(expr.Args["set"]); found != nil {
			set = describeElements(*found)
		}
	}
	verb := ""
	if expr.Kind == "vmap" {
		verb = "vmap"
	}
	return strings.Join(nonEmpty(name, verb, negation(expr.Args["op"]), set), " ")
}

func describeElements(set Set) string {
	var texts []string
	for _, element := range set.Elements {
		texts = append(texts, elementText(set.KeyType, element))
	}
	return "{ " + strings.Join(texts, ", ") + " }"
}

func describeLimit(args map[string]string) string {
	unit, ok := map[string]string{"1": "second", "60": "minute", "3600": "hour", "86400": "day", "604800": "week"}[args["per"]]
	if !ok {
		unit = args["per"] + " seconds"
	}
	over := ""
	if args["over"] == "true" {
		over = "over "
	}
	return fmt.Sprintf("limit rate %s%s %s/%s burst %s", over, args["rate"], args["type"], unit, args["burst"])
}

func describeLog(args map[string]string) string {
	text := "log"
	if prefix, has := args["prefix"]; has {
		text += fmt.Sprintf(" prefix %q", prefix)
	}
	for _, name := range []string{"group", "level", "snaplen", "threshold", "flags"} {
		if value, has := args[name]; has {
			text += " " + name + " " + value
		}
	}
	return text
}
