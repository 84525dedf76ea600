/* An external delegate of TFLite that misbehaves as the variable DELEGATE says:
 *   idle    is accepted, and leaves every operation to the CPU
 *   refuse  cannot be created, as where its device is missing
 *   crash   ends the process when it is created
 *   hang    never comes back when it is created
 *   wrong   takes all operations, and computes nothing
 *   fail    the same, and fails from the third run on
 *
 * The structures are the beginnings of those in tensorflow/lite/core/c/common.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { int size; int data[]; } IntArray;
typedef struct Context Context;
typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, void *);
  int (*invoke)(Context *, void *);
  const char *(*profiling_string)(const Context *, const void *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *external;
  void *(*async_kernel)(Context *, void *);
  uint64_t inplace_operator;
} Registration;
struct Context {
  size_t tensors_size;
  int (*execution_plan)(Context *, IntArray **);
  void *tensors, *impl;
  void *resize_tensor, *report_error, *add_tensors, *node_and_registration;
  int (*replace)(Context *, Registration, const IntArray *, void *);
};
typedef struct {
  void *data;
  int (*prepare)(Context *, void *);
  void *from_buffer, *to_buffer, *free_buffer;
  int64_t flags;
  void *builder;
} Delegate;

static int runs;

static int is(const char *mode) {
  const char *set = getenv("DELEGATE");
  return set != NULL && strcmp(set, mode) == 0;
}

static int node_prepare(Context *context, void *node) { return 0; }

static int node_invoke(Context *context, void *node) { return is("fail") && ++runs >= 3; }

static int prepare(Context *context, void *delegate) {
  Registration kernel = {0};
  IntArray *plan;
  if (!is("wrong") && !is("fail")) return 0;
  kernel.prepare = node_prepare;
  kernel.invoke = node_invoke;
  kernel.custom_name = "Misbehaving";
  kernel.version = 1;
  if (context->execution_plan(context, &plan)) return 1;
  return context->replace(context, kernel, plan, delegate);
}

void *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                    void (*report)(const char *)) {
  Delegate *made;
  if (is("refuse")) {
    report("no device of this kind");
    return NULL;
  }
  if (is("crash")) abort();
  while (is("hang")) sleep(1);
  runs = 0;
  made = calloc(1, sizeof *made);
  made->prepare = prepare;
  return made;
}

void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
