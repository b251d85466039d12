using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

public class SamplingOptionsTests
{
    [Fact]
    public void Defaults_and_the_greedy_preset_are_valid()
    {
        new SamplingOptions().Validate();
        SamplingOptions.Greedy.Validate();
        SamplingOptions.Greedy.Temperature.Should().Be(0);
    }

    public static TheoryData<string, SamplingOptions> OutOfRange()
    {
        TheoryData<string, SamplingOptions> cases = [];
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, -1000.5f, 1000.5f })
        {
            cases.Add("Temperature", new() { Temperature = bad });
            cases.Add("TopP", new() { TopP = bad });
            cases.Add("MinP", new() { MinP = bad });
            cases.Add("TypicalP", new() { TypicalP = bad });
            cases.Add("RepetitionPenalty", new() { RepetitionPenalty = bad });
            cases.Add("FrequencyPenalty", new() { FrequencyPenalty = bad });
            cases.Add("PresencePenalty", new() { PresencePenalty = bad });
            if (!float.IsNegativeInfinity(bad))
                cases.Add("LogitBias", new() { LogitBias = new Dictionary<int, float> { [1] = bad } });
        }
        cases.Add("Temperature", new() { Temperature = -0.001f });
        cases.Add("TopP", new() { TopP = 1.001f });
        cases.Add("MinP", new() { MinP = -0.001f });
        cases.Add("RepetitionPenalty", new() { RepetitionPenalty = 0 });
        cases.Add("TopK", new() { TopK = -1 });
        cases.Add("PenaltyWindow", new() { PenaltyWindow = -2 });
        cases.Add("TopLogProbs", new() { TopLogProbs = 21 });
        cases.Add("TopLogProbs", new() { TopLogProbs = -1 });
        cases.Add("LogitBias", new() { LogitBias = new Dictionary<int, float> { [-1] = 0 } });
        return cases;
    }

    [Theory, MemberData(nameof(OutOfRange))]
    public void A_value_out_of_range_is_refused_by_name(string property, SamplingOptions options)
    {
        ArgumentOutOfRangeException error = ((Action)options.Validate).Should().Throw<ArgumentOutOfRangeException>().Which;
        error.ParamName.Should().Be(property);
        error.Message.Should().Contain($"{property} must be from");
        error.ActualValue.Should().NotBeNull();
        ((Action)(() => new Sampler(options, 100))).Should().Throw<ArgumentOutOfRangeException>("the sampler checks its options");
    }

    [Fact]
    public void Forbidding_a_token_is_allowed() =>
        new SamplingOptions { LogitBias = new Dictionary<int, float> { [5] = float.NegativeInfinity } }.Validate();

    [Fact]
    public void Null_processors_are_refused()
    {
        ((Action)new SamplingOptions { LogitProcessors = [null!] }.Validate).Should().Throw<ArgumentNullException>();
        ((Action)new SamplingOptions { LogitProcessors = null! }.Validate).Should().Throw<ArgumentNullException>();
        ((Action)new SamplingOptions { LogitBias = null! }.Validate).Should().Throw<ArgumentNullException>();
    }
}
