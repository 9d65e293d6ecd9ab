// "did you mean" for names that a user mistyped.
//
// C++17.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chrysalis::isa {

/// Insertions, deletions and replacements of single characters from `a` to `b`.
unsigned edit_distance(std::string_view a, std::string_view b);

/// "; did you mean 'x'?" for the closest of `known`, or "" if none is close. Equal distances: the first by name.
std::string suggestion(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace chrysalis::isa
