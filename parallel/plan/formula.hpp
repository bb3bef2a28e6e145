// SPDX-License-Identifier: Apache-2.0
// Arithmetic that writes itself down: what is computed with Formula instead of numbers gives its own text. A formula that stands once as a
// template is then both what predicts a number and what a table prints.
//
// Example: template <class T> T sent(T p, T n) { return (p - T(1)) * (T(2) * n); } gives 12 for sent<std::int64_t>(3, 3), and for
// sent<Formula>("P", "n") the text "(P - 1) 2 n", or expanded "2 P n - 2 n".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ergon {

class Formula {
 public:
  Formula(const char* symbol);
  Formula(std::int64_t number);
  Formula(int number) : Formula(std::int64_t{number}) {}

  const std::string& text() const { return text_; }  // as it was computed
  std::string expanded() const;                      // products of sums multiplied out, equal terms added

  friend Formula operator+(const Formula& a, const Formula& b);
  friend Formula operator-(const Formula& a, const Formula& b);
  friend Formula operator*(const Formula& a, const Formula& b);  // factors stand side by side; a factor 1 is left out
  friend Formula operator/(const Formula& a, const Formula& b);  // by one symbol

 private:
  enum class Binding { sum, product, atom };
  // coefficient x factors / divisors
  struct Term {
    std::int64_t coefficient = 1;
    std::vector<std::string> factors, divisors;
    std::string symbols() const;  // "n e/K"
  };
  Formula(std::string text, Binding binding) : text_(std::move(text)), binding_(binding) {}
  std::string bound(Binding at_least) const;  // in parentheses where it binds less
  void add(const Term& term);

  std::string text_;
  Binding binding_;
  std::vector<Term> terms_;
};

}  // namespace ergon
