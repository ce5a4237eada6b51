// How a kernel's parameters are read from a recorded call: one specialisation a type (the binding has the same for JavaScript,
// ../arguments.h). An argument is read once; bind() looks up its tensors when the call is made, get() gives what the kernel takes.
#pragma once

#include <type_traits>
#include <vector>

#include "../kernels.h"
#include "json.h"

namespace ldc::check_program {

// Tensors by handle. Handles count from 1, so that null, which reads as 0, is the tensor that is none.
using Tensors = std::vector<Tensor>;

template <class T>
struct Recorded;

template <>
struct Recorded<Tensor> {
  size_t handle;
  explicit Recorded(const Json& json) : handle(static_cast<size_t>(json.number())) {}

  struct Bound {
    Tensor tensor;
    const Tensor& get() const { return tensor; }
  };
  Bound bind(const Tensors& tensors) const { return {tensors.at(handle)}; }
};

template <>
struct Recorded<TensorList> {
  std::vector<Recorded<Tensor>> list;
  explicit Recorded(const Json& json) : list(json.items().begin(), json.items().end()) {}

  struct Bound {
    std::vector<Tensor> tensors;
    TensorList get() const { return {tensors.data(), static_cast<int64_t>(tensors.size())}; }
  };
  Bound bind(const Tensors& tensors) const {
    Bound bound;
    for (const auto& each : list) bound.tensors.push_back(each.bind(tensors).tensor);
    return bound;
  }
};

template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>)
struct Recorded<T> {
  T value;
  explicit Recorded(const Json& json) : value(static_cast<T>(json.number())) {}

  T get() const { return value; }
  const Recorded& bind(const Tensors&) const { return *this; }
};

// Three numbers, one a colour channel.
template <>
struct Recorded<const float*> {
  float values[3];
  explicit Recorded(const Json& json) {
    for (size_t i = 0; i < 3; ++i) values[i] = static_cast<float>(json.items().at(i).number());
  }

  const float* get() const { return values; }
  const Recorded& bind(const Tensors&) const { return *this; }
};

template <>
struct Recorded<Conv2d> {
  Conv2d conv;
  explicit Recorded(const Json& json) {
    conv.height = static_cast<int64_t>(json.at("height").number());
    conv.width = static_cast<int64_t>(json.at("width").number());
    conv.stride = static_cast<int>(json.at("stride").number());
    conv.padding = static_cast<int>(json.at("padding").number());
    conv.algorithm = static_cast<ConvAlgorithm>(json.at("algorithm").number());
    conv.dtype = static_cast<DType>(json.at("dtype").number());
    conv.descriptor = static_cast<Descriptor>(json.at("descriptor").number());
    conv.constant = static_cast<float>(json.at("constant").number());
  }

  const Conv2d& get() const { return conv; }
  const Recorded& bind(const Tensors&) const { return *this; }
};

}  // namespace ldc::check_program
