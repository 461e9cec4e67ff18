package helm

import (
	"context"
	"fmt"
	"time"

	apiext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

// define makes the two custom resources and waits until they are served.
func define(ctx context.Context, admin *rest.Config) error {
	client, err := clientset.NewForConfig(admin)
	if err != nil {
		return fmt.Errorf("reach the API for the definitions: %w", err)
	}
	crds := client.ApiextensionsV1().CustomResourceDefinitions()
	for _, d := range definitions() {
		err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			have, err := crds.Get(ctx, d.Name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				_, err = crds.Create(ctx, d, metav1.CreateOptions{})
				return false, retriable(err)
			}
			return err == nil && established(have), retriable(err)
		})
		if err != nil {
			return fmt.Errorf("define %s: %w", d.Name, err)
		}
	}
	return nil
}

// retriable keeps only an error that no waiting can mend.
func retriable(err error) error {
	if apierrors.IsInvalid(err) {
		return err
	}
	return nil
}

func established(d *apiext.CustomResourceDefinition) bool {
	for _, c := range d.Status.Conditions {
		if c.Type == apiext.Established && c.Status == apiext.ConditionTrue {
			return true
		}
	}
	return false
}

type fields = map[string]apiext.JSONSchemaProps

func definitions() []*apiext.CustomResourceDefinition {
	text, flag, number := of("string"), of("boolean"), of("integer")
	policy := of("string")
	policy.Default = &apiext.JSON{Raw: []byte(`"` + Reinstall + `"`)}
	policy.Enum = []apiext.JSON{{Raw: []byte(`"` + Abort + `"`)}, *policy.Default}
	settings := of("object")
	settings.AdditionalProperties = &apiext.JSONSchemaPropsOrBool{Allows: true, Schema: &apiext.JSONSchemaProps{XIntOrString: true}}
	condition := object(fields{"type": text, "status": text, "reason": text, "message": text})
	condition.Required = []string{"type", "status"}
	conditions := of("array")
	conditions.Items = &apiext.JSONSchemaPropsOrArray{Schema: &condition}
	chart := object(fields{
		"targetNamespace": text, "createNamespace": flag, "chart": text, "version": text, "repo": text, "set": settings,
		"valuesContent": text, "bootstrap": flag, "chartContent": text, "backOffLimit": number, "timeout": text, "failurePolicy": policy,
	})
	status := object(fields{"jobName": text, "conditions": conditions})
	config := object(fields{"valuesContent": text, "failurePolicy": policy})
	return []*apiext.CustomResourceDefinition{
		definition("HelmChart", "hc", fields{"spec": chart, "status": status}),
		definition("HelmChartConfig", "hcc", fields{"spec": config}),
	}
}

func of(kind string) apiext.JSONSchemaProps { return apiext.JSONSchemaProps{Type: kind} }

func object(f fields) apiext.JSONSchemaProps {
	return apiext.JSONSchemaProps{Type: "object", Properties: f}
}

func definition(kind, short string, f fields) *apiext.CustomResourceDefinition {
	plural := map[string]string{"HelmChart": "helmcharts", "HelmChartConfig": "helmchartconfigs"}[kind]
	root := object(f)
	version := apiext.CustomResourceDefinitionVersion{
		Name: groupVersion().Version, Served: true, Storage: true,
		Schema: &apiext.CustomResourceValidation{OpenAPIV3Schema: &root},
	}
	if _, ok := f["status"]; ok {
		version.Subresources = &apiext.CustomResourceSubresources{Status: &apiext.CustomResourceSubresourceStatus{}}
	}
	return &apiext.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + groupVersion().Group},
		Spec: apiext.CustomResourceDefinitionSpec{
			Group: groupVersion().Group, Scope: apiext.NamespaceScoped,
			Names:    apiext.CustomResourceDefinitionNames{Kind: kind, ListKind: kind + "List", Plural: plural, Singular: plural[:len(plural)-1], ShortNames: []string{short}},
			Versions: []apiext.CustomResourceDefinitionVersion{version},
		},
	}
}
