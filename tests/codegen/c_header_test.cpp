#include <gtest/gtest.h>

#include "codegen/link.h"
#include "ir/graph.h"

namespace cnnc {
namespace {

TEST(CHeader, HasAnElementForEveryType) {
  for (DType dtype : kAllDTypes) {
    Graph graph;
    graph.add_output(graph.make("Identity", {graph.add_input({dtype, {2, 3}}, "x")}), "y");
    const std::string header = codegen::c_header(graph, "m");
    EXPECT_NE(header.find("#define M_INPUT_0_DTYPE CNNC_"), std::string::npos) << name_of(dtype);
    EXPECT_NE(header.find(" m_output_0_element;"), std::string::npos) << name_of(dtype);
  }
}

}  // namespace
}  // namespace cnnc
