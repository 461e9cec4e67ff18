package style

import (
	"go/ast"
	"go/token"
	"strings"
)

// Undocumented lists the exported names of a file without a comment. A
// comment on a group of constants or variables stands for all of it.
func Undocumented(f File) []string {
	var out []string
	for _, d := range f.AST.Decls {
		switch x := d.(type) {
		case *ast.FuncDecl:
			if x.Name.IsExported() && x.Doc == nil && receiverExported(x) {
				out = append(out, f.At(x.Pos())+" "+x.Name.Name)
			}
		case *ast.GenDecl:
			out = append(out, undocumentedSpecs(f, x)...)
		}
	}
	return out
}

func receiverExported(fn *ast.FuncDecl) bool {
	return fn.Recv == nil || ast.IsExported(TypeName(fn.Recv.List[0].Type))
}

func undocumentedSpecs(f File, d *ast.GenDecl) []string {
	var out []string
	for _, s := range d.Specs {
		switch x := s.(type) {
		case *ast.TypeSpec:
			if x.Name.IsExported() && d.Doc == nil && x.Doc == nil {
				out = append(out, f.At(x.Pos())+" "+x.Name.Name)
			}
		case *ast.ValueSpec:
			if x.Names[0].IsExported() && d.Doc == nil && x.Doc == nil && x.Comment == nil {
				out = append(out, f.At(x.Pos())+" "+x.Names[0].Name)
			}
		}
	}
	return out
}

// MutableVars lists package variables that are neither sentinels, nor embedded
// files, nor compiled regular expressions, nor statements of conformance.
func MutableVars(f File) []string {
	var out []string
	for _, d := range f.AST.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if v.Names[0].Name != "_" && !embedded(g, v) && !constantLike(v) {
				out = append(out, f.At(v.Pos())+" "+v.Names[0].Name)
			}
		}
	}
	return out
}

func embedded(g *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

func constantLike(v *ast.ValueSpec) bool {
	for _, e := range v.Values {
		call, ok := e.(*ast.CallExpr)
		if !ok {
			return false
		}
		switch TypeName(call.Fun) {
		case "errors.New", "fmt.Errorf", "regexp.MustCompile":
		default:
			return false
		}
	}
	return len(v.Values) > 0
}

// Banned lists uses of constructs that have no place in production code.
func Banned(f File) []string {
	var out []string
	// A main of the lab is the edge of its own program, as those in cmd are.
	inCmd := strings.HasPrefix(f.Path, "cmd/") || f.AST.Name.Name == "main" && below(f.Dir(), "testinfra")
	for _, fn := range f.Functions() {
		if fn.Name.Name == "init" && fn.Recv == nil {
			out = append(out, f.At(fn.Pos())+" init()")
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if what := bannedNode(n, inCmd, strings.HasPrefix(fn.Name.Name, "Must")); what != "" {
				out = append(out, f.At(n.Pos())+" "+what)
			}
			return true
		})
	}
	for _, g := range f.AST.Comments {
		for _, c := range g.List {
			if strings.HasPrefix(c.Text, "//"+"nolint") || strings.HasPrefix(c.Text, "//lint"+":ignore") {
				out = append(out, f.At(c.Pos())+" "+c.Text)
			}
		}
	}
	return out
}

func bannedNode(n ast.Node, inCmd, must bool) string {
	switch x := n.(type) {
	case *ast.CallExpr:
		name := TypeName(x.Fun)
		switch {
		case name == "panic" && !must:
			return "panic"
		case name == "fmt.Errorf" && dropsCause(x):
			return "fmt.Errorf drops an error's cause: use %w"
		case strings.HasPrefix(name, "strings.") && len(x.Args) > 0 && isErrorText(x.Args[0]):
			return "decides by an error's text"
		}
	case *ast.SelectorExpr:
		if !inCmd {
			return outsideCmd(TypeName(x))
		}
	}
	return ""
}

// outsideCmd names what belongs to the edge of the program.
func outsideCmd(name string) string {
	switch name {
	case "os.Exit", "os.Stdout", "os.Stderr", "os.Stdin", "os.Getenv", "os.LookupEnv", "os.Environ",
		"fmt.Print", "fmt.Printf", "fmt.Println", "log.Fatal", "log.Fatalf", "log.Fatalln":
		return name + " outside cmd"
	}
	return ""
}

// dropsCause reports an Errorf that is given a variable called err, or one
// whose name ends so, without a %w for it.
func dropsCause(call *ast.CallExpr) bool {
	format, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return false
	}
	errs := 0
	for _, a := range call.Args[1:] {
		if id, ok := a.(*ast.Ident); ok && (id.Name == "err" || strings.HasSuffix(id.Name, "Err")) {
			errs++
		}
	}
	return errs > strings.Count(format.Value, "%w")
}

func isErrorText(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && len(call.Args) == 0 && strings.HasSuffix(TypeName(call.Fun), "rr.Error")
}
