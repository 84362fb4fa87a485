// Walk does with client-go, in protobuf, all that a client can do with one object of every kind and version in discovery.
//
//	walk KUBECONFIG < objects.json
//
// Kinds that client-go has no types of (custom resource definitions, say) go as JSON. It prints a line for each, and ends
// with status 1 at the first thing that is not as it should be. Built by tools/test-clients, run by test_client_go.py.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// byTheServer is what it gives out and wants of no client that makes an object.
var byTheServer = [][]string{
	{"metadata", "resourceVersion"}, {"metadata", "uid"}, {"metadata", "managedFields"},
	{"metadata", "creationTimestamp"}, {"metadata", "generation"},
	{"spec", "clusterIP"}, {"spec", "clusterIPs"},
	{"spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"},
	{"spec", "template", "metadata", "labels", "batch.kubernetes.io/controller-uid"},
	{"spec", "template", "metadata", "labels", "controller-uid"},
}

// place is where objects of a kind are, in one version, and how they travel.
type place struct {
	resource   schema.GroupVersionResource
	kind       string
	namespaced bool
	typed      bool
	client     *rest.RESTClient
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	config.QPS = -1
	samples := map[string]*unstructured.Unstructured{}
	var given []map[string]any
	check(json.NewDecoder(os.Stdin).Decode(&given))
	for _, tree := range given {
		object := &unstructured.Unstructured{Object: tree}
		samples[object.GetKind()] = object
	}
	_, lists, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerGroupsAndResources()
	check(err)
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		check(err)
		for _, resource := range list.APIResources {
			if sample := samples[resource.Kind]; sample != nil && has(resource.Verbs, "create", "watch") {
				walk(config, version.WithResource(resource.Name), resource, sample)
			}
		}
	}
}

// walk makes the object in its own version, reads it in this one, and does everything with what it read.
func walk(config *rest.Config, gvr schema.GroupVersionResource, resource metav1.APIResource, sample *unstructured.Unstructured) {
	own := at(config, sample.GroupVersionKind().GroupVersion().WithResource(gvr.Resource), resource, false)
	here := at(config, gvr, resource, true)
	own.must(own.client.Post().Body(own.encode(sample)), nil)
	object := &unstructured.Unstructured{}
	read := at(config, gvr, resource, false)
	read.must(read.client.Get().Name(sample.GetName()), object)
	read.remove(sample.GetName())
	for _, given := range byTheServer {
		unstructured.RemoveNestedField(object.Object, given...)
	}
	here.everything(object)
	fmt.Println(gvr.GroupVersion(), resource.Kind, here.typed)
}

// everything is create, get, list, watch, update, patch, apply and delete.
func (p place) everything(object *unstructured.Unstructured) {
	name := object.GetName()
	made := p.empty()
	p.must(p.client.Post().Body(p.typedOf(object)), made)
	events := p.watch(accessor(made).GetResourceVersion(), name)
	defer events.Stop()
	p.must(p.client.Get().Name(name), p.empty())

	p.update(name)
	await(events, "walked", "updated")

	patch := []byte(`{"metadata":{"labels":{"walked":"patched"}}}`)
	p.must(p.client.Patch(types.MergePatchType).Name(name).Body(patch), made)
	await(events, "walked", "patched")

	applied := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"labels":{"applied":"yes"}}}`,
		p.resource.GroupVersion(), p.kind, name)
	p.must(p.client.Patch(types.ApplyPatchType).Name(name).Param("fieldManager", "walk").Body([]byte(applied)), made)
	if found := labels(await(events, "applied", "yes")); found["walked"] != "patched" {
		log.Fatalf("%v: labels are %v", p.resource, found)
	}
	p.list(name)
	p.remove(name)
	for next(events).Type != watch.Deleted { // finalizers go first
	}
}

// update replaces the object, again if somebody else was faster (the server itself changes definitions).
func (p place) update(name string) {
	check(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object := p.empty()
		p.must(p.client.Get().Name(name), object)
		found := labels(object)
		found["walked"] = "updated"
		accessor(object).SetLabels(found)
		return p.at(p.client.Put()).Name(name).Body(object).Do(context.TODO()).Error()
	}))
}

func (p place) watch(from, name string) watch.Interface {
	events, err := p.at(p.client.Get()).Param("watch", "1").Param("resourceVersion", from).
		Param("fieldSelector", "metadata.name="+name).Watch(context.TODO())
	check(err)
	return events
}

func (p place) list(name string) {
	var found runtime.Object = &unstructured.UnstructuredList{}
	if p.typed {
		made, err := scheme.Scheme.New(p.resource.GroupVersion().WithKind(p.kind + "List"))
		check(err)
		found = made
	}
	p.must(p.client.Get(), found)
	items, err := meta.ExtractList(found)
	check(err)
	for _, item := range items {
		if accessor(item).GetName() == name {
			return
		}
	}
	log.Fatalf("%v: %s is not in the list", p.resource, name)
}

// remove deletes, and lets go what finalizers hold.
func (p place) remove(name string) {
	err := p.at(p.client.Delete()).Name(name).Do(context.TODO()).Error()
	check(err)
	if p.kind == "Namespace" {
		body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q},"spec":{"finalizers":[]}}`, name)
		request := p.client.Put().Resource("namespaces").Name(name).SubResource("finalize")
		check(request.SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(context.TODO()).Error())
		return
	}
	patch := []byte(`{"metadata":{"finalizers":null}}`)
	err = p.at(p.client.Patch(types.MergePatchType)).Name(name).Body(patch).Do(context.TODO()).Error()
	if !errors.IsNotFound(err) {
		check(err)
	}
}

func at(config *rest.Config, gvr schema.GroupVersionResource, resource metav1.APIResource, typed bool) place {
	version := gvr.GroupVersion()
	typed = typed && scheme.Scheme.Recognizes(version.WithKind(resource.Kind))
	config = rest.CopyConfig(config)
	config.GroupVersion = &version
	config.APIPath = "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = untyped{scheme.Codecs.WithoutConversion()}
	if typed {
		config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
		config.ContentType, config.AcceptContentTypes = protobuf, protobuf
	}
	client, err := rest.RESTClientFor(config)
	check(err)
	return place{gvr, resource.Kind, resource.Namespaced, typed, client}
}

func (p place) at(request *rest.Request) *rest.Request {
	return request.NamespaceIfScoped("default", p.namespaced).Resource(p.resource.Resource)
}

// must sends, and reads the answer into an object.
func (p place) must(request *rest.Request, into runtime.Object) {
	result := p.at(request).Do(context.TODO())
	if err := result.Error(); err != nil {
		log.Fatalf("%v: %v", p.resource, err)
	}
	if into != nil {
		check(result.Into(into))
	}
}

func (p place) empty() runtime.Object {
	if !p.typed {
		return &unstructured.Unstructured{}
	}
	made, err := scheme.Scheme.New(p.resource.GroupVersion().WithKind(p.kind))
	check(err)
	return made
}

func (p place) typedOf(object *unstructured.Unstructured) runtime.Object {
	if !p.typed {
		return object
	}
	made := p.empty()
	check(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, made))
	return made
}

func (p place) encode(object *unstructured.Unstructured) []byte {
	data, err := object.MarshalJSON()
	check(err)
	return data
}

// untyped reads and writes whatever is there, as JSON.
type untyped struct{ runtime.NegotiatedSerializer }

func (untyped) EncoderForVersion(runtime.Encoder, runtime.GroupVersioner) runtime.Encoder {
	return unstructured.UnstructuredJSONScheme
}

func (untyped) DecoderToVersion(runtime.Decoder, runtime.GroupVersioner) runtime.Decoder {
	return unstructured.UnstructuredJSONScheme
}

func accessor(object runtime.Object) metav1.Object {
	found, err := meta.Accessor(object)
	check(err)
	return found
}

// labels are a copy, or empty.
func labels(object runtime.Object) map[string]string {
	found := map[string]string{}
	maps.Copy(found, accessor(object).GetLabels())
	return found
}

// await skips what happens to the object until it has the label.
func await(events watch.Interface, label, value string) runtime.Object {
	for {
		if event := next(events); event.Type == watch.Modified && labels(event.Object)[label] == value {
			return event.Object
		}
	}
}

func next(events watch.Interface) watch.Event {
	select {
	case event, open := <-events.ResultChan():
		if !open || event.Type == watch.Error {
			log.Fatalf("the watch ended: %v", event.Object)
		}
		return event
	case <-time.After(20 * time.Second):
		log.Fatal("the watch brought nothing")
		return watch.Event{}
	}
}

func has(verbs metav1.Verbs, wanted ...string) bool {
	found := map[string]bool{}
	for _, verb := range verbs {
		found[verb] = true
	}
	for _, verb := range wanted {
		if !found[verb] {
			return false
		}
	}
	return true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
