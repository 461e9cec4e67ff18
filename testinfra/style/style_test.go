package style

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The budgets. They are set at or a little inside the best code of the field.
const (
	fileP50, fileP90, fileMax             = 100, 260, 400
	funcP50, funcP90, funcMax             = 12, 40, 80
	longFunc, longShare                   = 60, 0.02
	cyclomaticMax, nestingMax             = 12, 3
	paramsMax, resultsMax, methodsMax     = 4, 3, 5
	testFileMax, testFuncP90, testFuncMax = 500, 50, 100
	dependenciesMax                       = 11
	testRatioMin, testRatioMax            = 0.8, 1.3
)

func TestBudgets(t *testing.T) {
	t.Parallel()
	files := load(t)
	t.Run("files", func(t *testing.T) { checkFiles(t, files) })
	t.Run("functions", func(t *testing.T) { checkFunctions(t, files) })
	t.Run("tests", func(t *testing.T) { checkTests(t, files) })
	t.Run("interfaces", func(t *testing.T) { checkInterfaces(t, files) })
}

func TestRules(t *testing.T) {
	t.Parallel()
	files := load(t)
	for name, rule := range map[string]func(File) []string{
		"documented": Undocumented, "variables": MutableVars, "banned": Banned,
	} {
		t.Run(name, func(t *testing.T) { report(t, production(files), rule) })
	}
	t.Run("imports", func(t *testing.T) { report(t, files, WrongImports) })
	t.Run("folders", func(t *testing.T) { checkFolders(t, files) })
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join(root(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	direct := directRequires(string(mod))
	if len(direct) == 0 || len(direct) > dependenciesMax {
		t.Errorf("%d direct dependencies, budget 1 to %d: %v", len(direct), dependenciesMax, direct)
	}
	for _, d := range direct {
		if !strings.Contains(string(readme), "`"+d+"`") {
			t.Errorf("README.md gives no reason for %s", d)
		}
	}
}

func directRequires(mod string) []string {
	var out []string
	for _, line := range strings.Split(mod, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "require ")
		name, version, ok := strings.Cut(line, " ")
		if ok && strings.HasPrefix(version, "v") && !strings.Contains(version, "// indirect") {
			out = append(out, name)
		}
	}
	return out
}

func root() string { return filepath.Join("..", "..") }

func load(t *testing.T) []File {
	t.Helper()
	files, err := Load(root())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files found: the check would pass on nothing", len(files))
	}
	return files
}

func production(files []File) []File {
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Test })
}

func report(t *testing.T, files []File, rule func(File) []string) {
	for _, f := range files {
		for _, finding := range rule(f) {
			t.Error(finding)
		}
	}
}

// percentile is by nearest rank.
func percentile(values []int, p int) int {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)*p+99)/100-1]
}

func within(t *testing.T, what string, got, budget int) {
	t.Helper()
	t.Logf("%s: %d, budget %d", what, got, budget)
	if got > budget {
		t.Errorf("%s: %d is over the budget of %d", what, got, budget)
	}
}

func checkFiles(t *testing.T, files []File) {
	var lines []int
	prod, test := 0, 0
	for _, f := range files {
		switch limit := lineLimit(f); {
		case f.Lines > limit:
			t.Errorf("%s: %d lines, budget %d", f.Path, f.Lines, limit)
		case f.Test:
			test += f.Lines
		case !below(f.Dir(), "testinfra"): // what ships
			prod += f.Lines
			lines = append(lines, f.Lines)
		}
	}
	within(t, "file lines, median", percentile(lines, 50), fileP50)
	within(t, "file lines, 90th percentile", percentile(lines, 90), fileP90)
	ratio := float64(test) / float64(prod)
	t.Logf("%d production lines, %d test lines: %.2f, budget %.1f to %.1f", prod, test, ratio, testRatioMin, testRatioMax)
	if ratio < testRatioMin || ratio > testRatioMax {
		t.Errorf("%.2f test lines a production line, budget %.1f to %.1f", ratio, testRatioMin, testRatioMax)
	}
}

func lineLimit(f File) int {
	if f.Test {
		return testFileMax
	}
	return fileMax
}

func checkFunctions(t *testing.T, files []File) {
	var lines []int
	long := 0
	for _, f := range production(files) {
		for _, fn := range f.Functions() {
			n := f.FunctionLines(fn)
			lines = append(lines, n)
			if n > longFunc {
				long++
			}
			for _, finding := range functionFindings(fn, n) {
				t.Errorf("%s %s: %s", f.At(fn.Pos()), fn.Name.Name, finding)
			}
		}
	}
	within(t, "function lines, median", percentile(lines, 50), funcP50)
	within(t, "function lines, 90th percentile", percentile(lines, 90), funcP90)
	within(t, "functions over 60 lines, of budget", long, int(longShare*float64(len(lines))))
}

func functionFindings(fn *ast.FuncDecl, lines int) []string {
	params, results := Parameters(fn.Type)
	var out []string
	for what, over := range map[string]bool{
		"too long":            lines > funcMax,
		"too many ways":       Cyclomatic(fn) > cyclomaticMax,
		"nested too deeply":   Nesting(fn) > nestingMax,
		"too many parameters": params > paramsMax,
		"too many results":    results > resultsMax,
	} {
		if over {
			out = append(out, what)
		}
	}
	return out
}

func checkTests(t *testing.T, files []File) {
	var lines []int
	for _, f := range files {
		if !f.Test {
			continue
		}
		for _, fn := range f.Functions() {
			n := f.FunctionLines(fn)
			lines = append(lines, n)
			if n > testFuncMax {
				t.Errorf("%s %s: %d lines, budget %d", f.At(fn.Pos()), fn.Name.Name, n, testFuncMax)
			}
		}
	}
	within(t, "test function lines, 90th percentile", percentile(lines, 90), testFuncP90)
}

func checkInterfaces(t *testing.T, files []File) {
	for _, f := range production(files) {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok && i.Methods.NumFields() > methodsMax {
				t.Errorf("%s: interface with %d methods, budget %d", f.At(i.Pos()), i.Methods.NumFields(), methodsMax)
			}
			return true
		})
	}
}

func checkFolders(t *testing.T, files []File) {
	documented := map[string]bool{}
	for _, f := range production(files) {
		documented[f.Dir()] = documented[f.Dir()] || filepath.Base(f.Path) == "doc.go" && f.AST.Doc != nil
		if slices.Contains([]string{"util", "utils", "common", "helpers"}, filepath.Base(f.Dir())) {
			t.Errorf("%s: a folder's name says what it is for", f.Dir())
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no doc.go with the package's purpose", dir)
		}
	}
}
