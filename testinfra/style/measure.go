package style

import (
	"go/ast"
	"go/token"
)

// Cyclomatic counts the ways through a function: one, and one more for each
// branch, case, loop and logical operator. Function literals count to their function.
func Cyclomatic(fn *ast.FuncDecl) int {
	n := 1
	ast.Inspect(fn.Body, func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if x.List != nil {
				n++
			}
		case *ast.CommClause:
			if x.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if x.Op == token.LAND || x.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}

// Nesting is the depth of the deepest block of control flow in a function.
// An else-if is no deeper than its if; a function literal starts anew.
func Nesting(fn *ast.FuncDecl) int {
	d := &depth{}
	d.list(fn.Body.List, 0)
	return d.max
}

type depth struct{ max int }

func (d *depth) list(stmts []ast.Stmt, at int) {
	for _, s := range stmts {
		d.stmt(s, at)
	}
}

func (d *depth) block(b *ast.BlockStmt, at int) {
	if b == nil {
		return
	}
	d.max = max(d.max, at)
	d.list(b.List, at)
}

func (d *depth) stmt(s ast.Stmt, at int) {
	switch x := s.(type) {
	case *ast.IfStmt:
		d.block(x.Body, at+1)
		if other, ok := x.Else.(*ast.BlockStmt); ok {
			d.block(other, at+1)
		} else if x.Else != nil {
			d.stmt(x.Else, at)
		}
	case *ast.ForStmt:
		d.block(x.Body, at+1)
	case *ast.RangeStmt:
		d.block(x.Body, at+1)
	case *ast.SwitchStmt:
		d.clauses(x.Body, at+1)
	case *ast.TypeSwitchStmt:
		d.clauses(x.Body, at+1)
	case *ast.SelectStmt:
		d.clauses(x.Body, at+1)
	case *ast.BlockStmt:
		d.list(x.List, at)
	case *ast.LabeledStmt:
		d.stmt(x.Stmt, at)
	default:
		d.literals(s)
	}
}

func (d *depth) clauses(b *ast.BlockStmt, at int) {
	d.max = max(d.max, at)
	for _, c := range b.List {
		switch x := c.(type) {
		case *ast.CaseClause:
			d.list(x.Body, at)
		case *ast.CommClause:
			d.list(x.Body, at)
		}
	}
}

// literals looks into the function literals of a plain statement.
func (d *depth) literals(s ast.Stmt) {
	ast.Inspect(s, func(n ast.Node) bool {
		if lit, ok := n.(*ast.FuncLit); ok {
			d.list(lit.Body.List, 0)
			return false
		}
		return true
	})
}

// Parameters counts a function's parameters without a leading context, and
// its results.
func Parameters(t *ast.FuncType) (params, results int) {
	for i, f := range t.Params.List {
		if i == 0 && TypeName(f.Type) == "context.Context" {
			continue
		}
		params += max(1, len(f.Names))
	}
	if t.Results != nil {
		for _, f := range t.Results.List {
			results += max(1, len(f.Names))
		}
	}
	return params, results
}

// TypeName writes a type as it is named in the source, for the plain cases.
func TypeName(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return TypeName(x.X) + "." + x.Sel.Name
	case *ast.StarExpr:
		return TypeName(x.X)
	case *ast.IndexExpr:
		return TypeName(x.X)
	case *ast.IndexListExpr:
		return TypeName(x.X)
	}
	return ""
}
