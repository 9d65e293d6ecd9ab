// Explanations as one page that needs nothing else: no script, style, font or image is fetched.
#pragma once

#include <string>
#include <vector>

#include "sim/explain/text.h"

namespace chrysalis::sim {

std::string explanation_html(const ExplainedRun& run, const std::vector<Explanation>& regions);

}  // namespace chrysalis::sim
