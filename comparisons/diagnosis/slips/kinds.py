"""The kinds of slip, each with its label and its sentence."""

from enum import Enum

LIKELY, POSSIBLE, FAR_FETCHED = 1, 2, 3
"""What a slip costs: those that cost least are named first."""


class Kind(Enum):
    """A kind of slip: the label by which a class is counted, and its sentence.

    `factor` in it is an unknown factor as it is written, `k` the number that it is.
    """

    CONSTANT_FACTOR = "constant factor", "there is a factor {factor} too many"
    EXTRA_FACTOR = "extra factor", "there is a factor {} too many"
    EXTRA_SLOPE = "extra slope", "there is a slope {} too many"
    DIVIDED_BY_SLOPE = "extra slope", "it is divided by {}"
    ONE_EXAMPLE = "one example", "only the {} example counts"
    OF_OUTPUT = "gradient of the output", "this is the gradient of the {} of {}, not of the loss"
    DECAY = (
        "regularisation",
        "{k:.6g} times {} is added, as by regularisation, which the loss does not have",
    )
    CONSTANT = "constant added", "a constant, {k:.6g}, is added"
    CONSTANT_IN = "constant added", "a constant, {k:.6g}, is added in {}"
    SIBLING = "gradient of a sibling", "{} stands there instead"
    SUM_OF_SIBLING = "gradient of a sibling", "the sum of {} over axis {} stands there instead"
    PART_OF_SIBLING = "gradient of a sibling", "a part of {} stands there instead"
    RESULT_TRANSPOSED = "transposed", "the result is transposed"
    RESHAPED = "reshaped", "the result was reshaped where it has to be transposed"

    SLOPE_ELSEWHERE = "slope at the wrong place", "the slope was taken at {}"
    SLOPE_OF_ANOTHER = "slope of another activation", "the slope is that of {}, not of {}"
    SLOPE_FORGOTTEN = "slope forgotten", "the slope {} was forgotten"
    SLOPE_TWICE = "slope twice", "the slope {} stands there twice"
    SLOPE_MISTYPED = "slope mistyped", "the slope became {}"
    MASK_TURNED = "slope mistyped", "the mask is the wrong way round"
    MASK_FORGOTTEN = "mask forgotten", "{} was taken to be {} everywhere"
    SQUARE_NOT_DIFFERENTIATED = "slope mistyped", "the square was not differentiated"
    DOUBLE_FOR_SQUARE = "slope mistyped", "twice the value stands in place of its square"
    SQUARE_OUTSIDE = "slope mistyped", "the square stands outside the brackets"

    GRADIENT_FOR_WEIGHT = (
        "gradient for the weight",
        "the gradient {} stands in place of the weight {}",
    )
    ANOTHER_ADJOINT = "another adjoint", "{} stands in place of {}"
    ANOTHER_VARIABLE = "another variable", "{} stands in place of {}"
    COMPLEMENT = "another variable", "1 - {} stands in place of {}"
    ANEW = "another adjoint", "{} is not used but computed anew, times {factor}"
    OPERAND_TRANSPOSED = (
        "transposed",
        "{} is transposed where it should not be, or not where it should",
    )
    SPREAD = "broadcast", "{} was {} over the batch"
    SPREAD_VECTOR = "broadcast", "{} was {} over the batch, as when (N,) and (N, 1) make (N, N)"
    CHANGED_IN_PLACE = "changed in place", "{} had been changed in place"
    UPDATED = (
        "updated too early",
        "{} had been updated before it was used here, with a learning rate of {k:.6g}",
    )
    ALL_UPDATED = (
        "updated too early",
        "the parameters had been updated before all gradients were computed, "
        "with a learning rate of {k:.6g}",
    )

    ADJOINT_FORGOTTEN = "adjoint forgotten", "the incoming adjoint {} was forgotten"
    ADJOINT_TWICE = "adjoint twice", "the incoming adjoint {} stands there twice"
    ALL_BUT_SHARE_FORGOTTEN = (
        "adjoint forgotten",
        "the incoming adjoint {} was forgotten, but for 1 / N",
    )
    FACTOR_FORGOTTEN = "factor forgotten", "the factor {} was forgotten"
    FACTOR_TWICE = "factor twice", "the factor {} stands there twice"
    DIVISION_FORGOTTEN = "factor forgotten", "the division by {} was forgotten"
    DIVISION_TWICE = "factor forgotten", "there are two divisions by {}"
    PRODUCT_FOR_QUOTIENT = "factor forgotten", "it is multiplied by {}, not divided"
    POWER_FORGOTTEN = "factor forgotten", "the power was forgotten"
    ACTIVATION_FORGOTTEN = "activation forgotten", "{} was forgotten"
    MATRIX_PRODUCT = "matrix product", "a matrix product stands where an element-wise one is due"
    ELEMENTWISE_PRODUCT = (
        "element-wise product",
        "an element-wise product stands where a matrix product is due",
    )
    OPERANDS_TURNED = "transposed", "the operands are in the wrong order, or transposed"

    MINUS_FORGOTTEN = "sign", "the minus was forgotten"
    PLUS_FOR_MINUS = "sign", "+ stands for -"
    MINUS_FOR_PLUS = "sign", "- stands for +"
    WRONG_WAY_ROUND = "sign", "the difference is the wrong way round"
    TERM_FORGOTTEN = "term forgotten", "the term {} was forgotten"
    TERM_SCALED = "term forgotten", "the term {} has a wrong factor, {factor}"
    OWN_TERM_FORGOTTEN = "regularisation", "the term {} was forgotten"
    OWN_TERM_SCALED = "regularisation", "the term {} has a wrong factor, {factor}"

    OVERWRITTEN = "overwritten", "{} overwrites what it should be added to"
    OUT_OF_STEP = "out of step", "{} stands in place of {}, and so on in the other terms"

    SUM_FORGOTTEN = "sum forgotten", "the sum was forgotten"
    WRONG_AXIS = "wrong axis", "the sum is over the wrong axis"
    LAST_OF_SAME = (
        "sum forgotten",
        "of the rows with the same index only the last counts: they have to be added, "
        "as by np.add.at",
    )
    ALL_SUMMED = "wrong axis", "all is summed"

    ANOTHER_ACTIVATION = "another activation", "{} stands in place of {}"
    EXTRA_ACTIVATION = "extra activation", "{} was applied as well"
    ARGUMENT_NEGATIVE = "sign", "the argument of {} has the wrong sign"
    ADDED_AFTER = "activation too early", "{} was added after {}, not before it"
    OPERAND_RESHAPED = "reshaped", "{} was reshaped where it has to be transposed"
    ANOTHER_LOSS = "another loss", "the squared error stands in place of the cross-entropy"
    EXCHANGED = "another loss", "t and 1 - t, or y and 1 - y, were mixed up"
    ABSOLUTE_VALUE = "another loss", "the absolute value stands in place of the square"
    SOMETHING_ELSE = "forward pass", "something else was computed, which no typical slip explains"

    ZERO = "zero", "what you return for {} is 0"
    SWAPPED = "swapped", "what you return for {} is the gradient in {}, and the other way round"
    STALE = "stale cache", "{} is that of the first call"
    STATE = (
        "state kept between calls",
        "only the first call is right: something is kept from call to call",
    )

    def __init__(self, label: str, sentence: str) -> None:
        self.label = label
        self.sentence = sentence
