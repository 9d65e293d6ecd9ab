// From the models of one opcode in all contexts to the smallest tree of tests that tells them apart.
#pragma once

#include <memory>
#include <vector>

#include "x86-frontend/gen/model.h"

namespace chrysalis::x86::gen {

/// A leaf holds a model, an inner node a test and its children.
struct Tree {
  std::optional<Model> model;
  table::Test test{};
  std::vector<Tree> children;
};

/// Probes an opcode in every context and builds its tree. The tree tests ModRM only where every outcome has a ModRM
/// byte or is undefined.
Tree build_tree(const Reference& reference, unsigned map, unsigned opcode);

}  // namespace chrysalis::x86::gen
