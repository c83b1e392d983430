// Nodes that run as one kernel.
#include "ir/op_def.h"

namespace cnnc {

static std::vector<Type> fused_types(const OpContext& c) {
  const Graph* body = c.node().region("body");
  c.require(body != nullptr, "has no body");
  c.require(body->inputs().size() == c.input_count(), "has ", c.input_count(),
            " inputs, its body takes ", body->inputs().size());
  for (size_t i = 0; i < c.input_count(); ++i) {
    c.require(c.has(i), "input ", i, " is missing");
    const Type& need = body->inputs()[i]->type();
    c.require(c.type(i) == need, "input ", i, " is ", c.type(i), ", its body takes ", need);
  }
  c.require(body->outputs().size() == c.output_count(), "has ", c.output_count(),
            " outputs, its body returns ", body->outputs().size());
  std::vector<Type> types;
  for (const Value* output : body->outputs()) types.push_back(output->type());
  return types;
}

CNNC_OP(Fused)
    .doc(
        "The results of a graph over the operands, computed by one kernel. Fusion makes it; the "
        "body shows what is in it.")
    .variadic_input("inputs", kAnyType, "")
    .variadic_output("outputs")
    .required_attribute("body", std::shared_ptr<Graph>())
    .infer(fused_types);

}  // namespace cnnc
