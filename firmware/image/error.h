#pragma once

#include <stdexcept>

namespace chrysalis::image {

/// A firmware program that cannot become an image: the message names the file, section, symbol or address.
struct ImageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace chrysalis::image
