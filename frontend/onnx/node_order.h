// The order in which nodes can run.
#pragma once
#include <string>
#include <vector>

#include "onnx/onnx_pb.h"

namespace cnnc {

using NodeProtos = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

// The node's name, or "Conv:output" when it has none.
std::string name_of(const onnx::NodeProto& node);
// "node 'conv1' (Conv)": for messages.
std::string description_of(const onnx::NodeProto& node);

// Indices of the nodes such that each comes after the nodes whose outputs it, or a graph inside it,
// uses; the file's order where that does. Throws Error when two nodes define one name or nodes
// depend on each other in a cycle.
std::vector<int> execution_order(const NodeProtos& nodes);

}  // namespace cnnc
