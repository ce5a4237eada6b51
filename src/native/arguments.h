// How a kernel's parameters are read from JavaScript: one specialisation a type, used by the binding for every kernel.
#pragma once

#include <napi.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels.h"

namespace ldc {

// Tensors by handle. Handles count up and none is given twice, so that a freed one is recognised.
class TensorTable {
 public:
  virtual ~TensorTable() = default;
  virtual const Tensor& at(double handle) const = 0;  // throws std::invalid_argument
};

// Argument<T>: what is read from JavaScript and kept until the kernel has run; get() gives what the kernel takes.
template <class T>
struct Argument;

inline double number_from(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) throw std::invalid_argument(std::string(what) + " is not a number");
  return value.As<Napi::Number>().DoubleValue();
}

inline int64_t integer_from(const Napi::Value& value, const char* what) {
  const double number = number_from(value, what);
  if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0) || number != static_cast<double>(static_cast<int64_t>(number))) {
    throw std::invalid_argument(std::string(what) + " is not an integer");
  }
  return static_cast<int64_t>(number);
}

template <class Enum>
Enum enum_from(const Napi::Value& value, int count, const char* what) {
  const int64_t number = integer_from(value, what);
  if (number < 0 || number >= count) throw std::invalid_argument(std::string(what) + " is out of range");
  return static_cast<Enum>(number);
}

template <>
struct Argument<Tensor> {
  Tensor tensor;
  Argument(const TensorTable& table, const Napi::Value& value) {
    if (value.IsNull() || value.IsUndefined()) return;
    tensor = table.at(number_from(value, "a tensor handle"));
  }
  const Tensor& get() const { return tensor; }
};

template <>
struct Argument<TensorList> {
  std::vector<Tensor> tensors;
  Argument(const TensorTable& table, const Napi::Value& value) {
    if (!value.IsArray()) throw std::invalid_argument("a list of tensors is not an array");
    const Napi::Array array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) tensors.push_back(table.at(number_from(array.Get(i), "a tensor handle")));
  }
  TensorList get() const { return {tensors.data(), static_cast<int64_t>(tensors.size())}; }
};

template <class T>
  requires std::is_arithmetic_v<T>
struct Argument<T> {
  T value;
  Argument(const TensorTable&, const Napi::Value& from) {
    if constexpr (std::is_same_v<T, bool>) {
      value = from.ToBoolean();
    } else if constexpr (std::is_integral_v<T>) {
      const int64_t number = integer_from(from, "an argument");
      value = static_cast<T>(number);
      if (static_cast<int64_t>(value) != number) throw std::invalid_argument("an argument is out of range");
    } else {
      value = static_cast<T>(number_from(from, "an argument"));
    }
  }
  T get() const { return value; }
};

// Three numbers, one a colour channel.
template <>
struct Argument<const float*> {
  float values[3];
  Argument(const TensorTable&, const Napi::Value& from) {
    if (!from.IsArray() || from.As<Napi::Array>().Length() != 3) throw std::invalid_argument("three numbers are needed");
    for (uint32_t i = 0; i < 3; ++i) values[i] = static_cast<float>(number_from(from.As<Napi::Array>().Get(i), "a channel's value"));
  }
  const float* get() const { return values; }
};

template <>
struct Argument<Mining> {
  Mining mining;
  Argument(const TensorTable&, const Napi::Value& from) : mining(enum_from<Mining>(from, 2, "mining")) {}
  Mining get() const { return mining; }
};

template <>
struct Argument<ConvPass> {
  ConvPass pass;
  Argument(const TensorTable&, const Napi::Value& from) : pass(enum_from<ConvPass>(from, 2, "pass")) {}
  ConvPass get() const { return pass; }
};

template <>
struct Argument<Conv2d> {
  Conv2d conv;
  Argument(const TensorTable&, const Napi::Value& from) {
    if (!from.IsObject()) throw std::invalid_argument("the convolution's description is not an object");
    const Napi::Object object = from.As<Napi::Object>();
    conv.height = integer_from(object.Get("height"), "height");
    conv.width = integer_from(object.Get("width"), "width");
    conv.stride = static_cast<int>(std::clamp<int64_t>(integer_from(object.Get("stride"), "stride"), -1, 1 << 20));
    conv.padding = static_cast<int>(std::clamp<int64_t>(integer_from(object.Get("padding"), "padding"), -1, 1 << 20));
    conv.algorithm = enum_from<ConvAlgorithm>(object.Get("algorithm"), 3, "algorithm");
    conv.dtype = enum_from<DType>(object.Get("dtype"), 4, "dtype");
    conv.descriptor = enum_from<Descriptor>(object.Get("descriptor"), 6, "descriptor");
    conv.constant = static_cast<float>(number_from(object.Get("constant"), "constant"));
  }
  const Conv2d& get() const { return conv; }
};

}  // namespace ldc
