#include "ir/scalar_sharing.h"

#include <bit>
#include <tuple>

namespace cnnc {

namespace {

class Sharing {
 public:
  Scalar shared(const Scalar& expr) {
    visit(expr, [&](const Scalar& e) { add(e); });
    return done_.at(expr.get());
  }

 private:
  using Key = std::tuple<ScalarOp, DType, uint64_t, int64_t, std::string, std::vector<const Scalar::Node*>>;

  // Arguments come before what they are arguments of.
  void add(const Scalar& e) {
    if (done_.count(e.get())) return;
    auto node = std::make_shared<Scalar::Node>(*e.get());
    Key key{e.op(), e.dtype(), std::bit_cast<uint64_t>(e->number), e->integer, "", {}};
    if (e.op() == ScalarOp::size) std::get<4>(key) = e->dim.str();
    for (Scalar& a : node->args) {
      a = done_.at(a.get());
      std::get<5>(key).push_back(a.get());
    }
    const auto [it, inserted] = nodes_.emplace(std::move(key), Scalar(std::move(node)));
    done_[e.get()] = it->second;
  }

  std::map<Key, Scalar> nodes_;
  std::map<const Scalar::Node*, Scalar> done_;
};

}  // namespace

Scalars with_equal_parts_shared(const Scalars& exprs) {
  Sharing sharing;
  Scalars result;
  for (const Scalar& e : exprs) result.push_back(sharing.shared(e));
  return result;
}

}  // namespace cnnc
