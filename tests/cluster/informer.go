// SPDX-License-Identifier: Apache-2.0

// A client-go informer for cluster.test: prints a line for each change of the ConfigMap "ticker" that it is told of.
// Its argument is a kubeconfig. Nothing of the project builds it: put the program `informer` into the folder that
// CPVRRP_CLUSTER_BIN names, built in a module that requires k8s.io/client-go.
package main

import (
	"fmt"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		panic(err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(kubernetes.NewForConfigOrDie(config), time.Hour,
		informers.WithNamespace("default"))
	say := func(object any) {
		if m, ok := object.(*v1.ConfigMap); ok && m.Name == "ticker" {
			fmt.Println(m.Data["n"])
		}
	}
	_, err = factory.Core().V1().ConfigMaps().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    say,
		UpdateFunc: func(_, object any) { say(object) },
	})
	if err != nil {
		panic(err)
	}
	factory.Start(nil)
	select {}
}
