#include "x86-frontend/gen/tree.h"

#include <array>

namespace chrysalis::x86::gen {
namespace {

using table::Test;

// Ties are decided for the earlier test: prefixes are at hand, ModRM must be fetched.
constexpr std::array<Test, 6> kTests = {Test::Repeat, Test::OperandSize, Test::AddressSize, Test::Mod, Test::Reg, Test::Rm};
constexpr unsigned children_of(unsigned dimension) { return table::kChildren[static_cast<unsigned>(kTests[dimension])]; }

/// A set of contexts: per dimension one outcome of the test, or all of them.
struct Subcube {
  static constexpr unsigned kAll = 0xff;
  std::array<unsigned, 6> at{kAll, kAll, kAll, kAll, kAll, kAll};

  unsigned index() const {
    unsigned i = 0;
    for (unsigned d = 0; d < at.size(); d++) {
      i = i * (children_of(d) + 1) + (at[d] == kAll ? children_of(d) : at[d]);
    }
    return i;
  }
  static unsigned count() {
    unsigned n = 1;
    for (unsigned d = 0; d < kTests.size(); d++) n *= children_of(d) + 1;
    return n;
  }
};

class Builder {
 public:
  Builder(const Reference& reference, unsigned map, unsigned opcode)
      : reference_(reference), map_(map), opcode_(opcode), united_(Subcube::count()), cost_(Subcube::count(), -1) {}

  Tree build(const Subcube& cube) {
    Tree tree;
    if (const std::optional<Model>& model = united(cube)) {
      tree.model = model;
      return tree;
    }
    unsigned d = best_split(cube);
    tree.test = kTests[d];
    for (unsigned i = 0; i < children_of(d); i++) {
      Subcube child = cube;
      child.at[d] = i;
      tree.children.push_back(build(child));
    }
    return tree;
  }

 private:
  Model probe_at(const Subcube& cube) {
    Context c{.operand_size = cube.at[1], .address_size = cube.at[2], .repeat = cube.at[0], .modrm = cube.at[4] << 3 | cube.at[5]};
    if (cube.at[3] == 1) {
      c.modrm |= 0xc0;
      return probe(reference_, map_, opcode_, c);
    }
    Model model = probe(reference_, map_, opcode_, c);
    for (unsigned mod = 1; mod < 3; mod++) {
      c.modrm = mod << 6 | (c.modrm & 0x3f);
      std::optional<Model> both = unite(model, probe(reference_, map_, opcode_, c));
      if (!both) fail("an instruction depends on the kind of displacement");
      model = *both;
    }
    return model;
  }

  /// The one model that holds in all of `cube`, if there is one.
  const std::optional<Model>& united(const Subcube& cube) {
    std::optional<std::optional<Model>>& memo = united_[cube.index()];
    if (!memo) memo = compute_united(cube);
    return *memo;
  }

  std::optional<Model> compute_united(const Subcube& cube) {
    unsigned d = 0;
    while (d < cube.at.size() && cube.at[d] != Subcube::kAll) d++;
    if (d == cube.at.size()) return probe_at(cube);
    std::optional<Model> all;
    for (unsigned i = 0; i < children_of(d); i++) {
      Subcube child = cube;
      child.at[d] = i;
      const std::optional<Model>& model = united(child);
      if (!model) return std::nullopt;
      all = i == 0 ? model : unite(*all, *model);
      if (!all) return std::nullopt;
    }
    return all;
  }

  /// Entries that the smallest tree for `cube` takes.
  int cost(const Subcube& cube) {
    int& memo = cost_[cube.index()];
    if (memo < 0) memo = united(cube) ? 0 : split_cost(cube, best_split(cube));
    return memo;
  }

  int split_cost(const Subcube& cube, unsigned d) {
    int sum = static_cast<int>(children_of(d));
    for (unsigned i = 0; i < children_of(d); i++) {
      Subcube child = cube;
      child.at[d] = i;
      sum += cost(child);
    }
    return sum;
  }

  unsigned best_split(const Subcube& cube) {
    unsigned best = 0;
    int least = -1;
    for (unsigned d = 0; d < cube.at.size(); d++) {
      if (cube.at[d] != Subcube::kAll) continue;
      int c = split_cost(cube, d);
      if (least < 0 || c < least) {
        least = c;
        best = d;
      }
    }
    return best;
  }

  const Reference& reference_;
  unsigned map_, opcode_;
  std::vector<std::optional<std::optional<Model>>> united_;
  std::vector<int> cost_;
};

void require_modrm(const Tree& tree, bool tested) {
  if (tree.model) {
    if (tested && !tree.model->undefined && !tree.model->has_modrm) fail("a tree tests a ModRM byte that " + tree.model->name + " lacks");
    return;
  }
  for (const Tree& child : tree.children) require_modrm(child, tested || tree.test >= Test::Mod);
}

}  // namespace

Tree build_tree(const Reference& reference, unsigned map, unsigned opcode) {
  Tree tree = Builder(reference, map, opcode).build(Subcube{});
  require_modrm(tree, false);
  return tree;
}

}  // namespace chrysalis::x86::gen
