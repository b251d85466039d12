using System.Text.Json;
using Microsoft.Extensions.AI;
using Moe.Inference.Chat;
using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Chat;

/// <summary>Every option of a chat call is followed or refused by name; none is ignored.</summary>
public sealed class ChatOptionsMappingTests
{
    private static readonly GenerationOptions Defaults = new()
    {
        MaxTokens = 11,
        StopStrings = ["END"],
        Sampling = new SamplingOptions { Temperature = 0.25f, TopK = 7, MinP = 0.125f, Seed = 3 },
    };

    /// <summary>Options that set one property each, and what comes of them.</summary>
    private static readonly Dictionary<string, (ChatOptions Options, GenerationOptions Expected)> Followed = new()
    {
        [nameof(ChatOptions.Temperature)] = (new() { Temperature = 0.5f }, Sampled(sampling => sampling with { Temperature = 0.5f })),
        [nameof(ChatOptions.TopP)] = (new() { TopP = 0.5f }, Sampled(sampling => sampling with { TopP = 0.5f })),
        [nameof(ChatOptions.TopK)] = (new() { TopK = 5 }, Sampled(sampling => sampling with { TopK = 5 })),
        [nameof(ChatOptions.FrequencyPenalty)] = (new() { FrequencyPenalty = 0.5f }, Sampled(sampling => sampling with { FrequencyPenalty = 0.5f })),
        [nameof(ChatOptions.PresencePenalty)] = (new() { PresencePenalty = 0.5f }, Sampled(sampling => sampling with { PresencePenalty = 0.5f })),
        [nameof(ChatOptions.Seed)] = (new() { Seed = -1 }, Sampled(sampling => sampling with { Seed = ulong.MaxValue })),
        [nameof(ChatOptions.MaxOutputTokens)] = (new() { MaxOutputTokens = 5 }, Defaults with { MaxTokens = 5 }),
        [nameof(ChatOptions.StopSequences)] = (new() { StopSequences = ["a", "b"] }, Defaults with { StopStrings = ["END", "a", "b"] }),
        [nameof(ChatOptions.AdditionalProperties)] = (With("min_p", 0.5), Sampled(sampling => sampling with { MinP = 0.5f })),
        [nameof(ChatOptions.RawRepresentationFactory)] =
            (new() { RawRepresentationFactory = _ => new GenerationOptions { KeepTokens = 9 } }, new GenerationOptions { KeepTokens = 9 }),
        // These two act elsewhere: they are let through, and MoeChatClientTests sees what they do.
        [nameof(ChatOptions.Instructions)] = (new() { Instructions = "Be brief." }, Defaults),
        [nameof(ChatOptions.ModelId)] = (new() { ModelId = "this one" }, Defaults),
    };

#pragma warning disable MEAI001
    /// <summary>Options that ask for one thing that cannot be had.</summary>
    private static readonly Dictionary<string, ChatOptions> Refused = new()
    {
        [nameof(ChatOptions.Tools)] = new() { Tools = [AIFunctionFactory.Create(() => 1, "one")] },
        [nameof(ChatOptions.ToolMode)] = new() { ToolMode = ChatToolMode.RequireAny },
        [nameof(ChatOptions.AllowMultipleToolCalls)] = new() { AllowMultipleToolCalls = true },
        [nameof(ChatOptions.ResponseFormat)] = new() { ResponseFormat = ChatResponseFormat.Json },
        [nameof(ChatOptions.ConversationId)] = new() { ConversationId = "x" },
        [nameof(ChatOptions.Reasoning)] = new() { Reasoning = new ReasoningOptions() },
        [nameof(ChatOptions.AllowBackgroundResponses)] = new() { AllowBackgroundResponses = true },
        [nameof(ChatOptions.ContinuationToken)] = new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) },
    };

    public static TheoryData<string> FollowedNames => [.. Followed.Keys];

    public static TheoryData<string> RefusedNames => [.. Refused.Keys];

    [Fact]
    public void No_property_of_ChatOptions_is_forgotten() =>
        typeof(ChatOptions).GetProperties().Select(property => property.Name).Should().BeEquivalentTo([.. Followed.Keys, .. Refused.Keys]);

    [Theory]
    [MemberData(nameof(FollowedNames))]
    public void An_option_is_followed_and_leaves_the_others_alone(string name) =>
        Map(Followed[name].Options).Should().BeEquivalentTo(Followed[name].Expected, options => options.WithStrictOrdering());

    [Theory]
    [MemberData(nameof(RefusedNames))]
    public void What_cannot_be_had_is_refused_by_name(string name) =>
        FluentActions.Invoking(() => Map(Refused[name])).Should().Throw<NotSupportedException>().WithMessage($"*ChatOptions.{name} *");

    [Fact]
    public void Asking_for_nothing_gives_the_defaults()
    {
        Map(null).Should().BeSameAs(Defaults);
        ChatOptions nothing = new()
        {
            Tools = [],
            ToolMode = ChatToolMode.Auto,
            ResponseFormat = ChatResponseFormat.Text,
            AllowBackgroundResponses = false,
            AdditionalProperties = new() { ["min_p"] = null },
            RawRepresentationFactory = _ => null,
        };
        Map(nothing).Should().BeEquivalentTo(Defaults);
        Map(new ChatOptions { ToolMode = ChatToolMode.None }).Should().BeEquivalentTo(Defaults);
    }
#pragma warning restore MEAI001

    [Fact]
    public void Another_model_is_refused_by_name() =>
        FluentActions.Invoking(() => Map(new ChatOptions { ModelId = "that one" }))
            .Should().Throw<NotSupportedException>().WithMessage("*ChatOptions.ModelId*'that one'*'this one'*");

    [Fact]
    public void Options_of_another_client_are_refused() =>
        FluentActions.Invoking(() => Map(new ChatOptions { RawRepresentationFactory = _ => "text" }))
            .Should().Throw<NotSupportedException>().WithMessage("*RawRepresentationFactory*System.String*");

    [Fact]
    public void Options_of_a_call_are_put_on_top_of_raw_ones()
    {
        GenerationOptions raw = new() { MaxTokens = 100, IgnoreEndOfGeneration = true, StopStrings = ["x"] };
        Map(new ChatOptions { MaxOutputTokens = 5, StopSequences = ["y"], RawRepresentationFactory = _ => raw })
            .Should().BeEquivalentTo(raw with { MaxTokens = 5, StopStrings = ["x", "y"] });
    }

    [Fact]
    public void Additional_properties_reach_the_rest_of_the_sampler()
    {
        AdditionalPropertiesDictionary properties = new()
        {
            ["min_p"] = 0.5f,
            ["typical_p"] = 0.25,
            ["repetition_penalty"] = 1.5m,
            ["penalty_window"] = -1L,
            ["logit_bias"] = new Dictionary<int, float> { [4] = -2 },
            ["logprobs"] = true,
            ["top_logprobs"] = (byte)3,
        };
        GenerationOptions expected = Sampled(sampling => sampling with
        {
            MinP = 0.5f,
            TypicalP = 0.25f,
            RepetitionPenalty = 1.5f,
            PenaltyWindow = -1,
            LogitBias = new Dictionary<int, float> { [4] = -2 },
            TopLogProbs = 3,
        });
        Map(new ChatOptions { AdditionalProperties = properties }).Should().BeEquivalentTo(expected);
        // As a request that came as JSON has them.
        AdditionalPropertiesDictionary json = new(JsonSerializer.Deserialize<Dictionary<string, object?>>(
            """{"min_p":0.5,"typical_p":0.25,"repetition_penalty":1.5,"penalty_window":-1,"logit_bias":{"4":-2},"logprobs":true,"top_logprobs":3}""")!);
        Map(new ChatOptions { AdditionalProperties = json }).Should().BeEquivalentTo(expected);
    }

    [Fact]
    public void An_unknown_additional_property_is_refused_by_name() =>
        FluentActions.Invoking(() => Map(With("mirostat", 1))).Should().Throw<NotSupportedException>().WithMessage("*'mirostat'*min_p*");

    [Theory]
    [InlineData("min_p", "high")]
    [InlineData("min_p", true)]
    [InlineData("penalty_window", 1.5)]
    [InlineData("penalty_window", 1e10)]
    [InlineData("penalty_window", double.NaN)]
    [InlineData("logprobs", 1)]
    [InlineData("logit_bias", 1)]
    public void An_additional_property_of_the_wrong_kind_is_refused_by_name(string name, object value) =>
        FluentActions.Invoking(() => Map(With(name, value))).Should().Throw<ArgumentException>().WithMessage($"*'{name}'*").WithParameterName(name);

    [Fact]
    public void A_bias_for_something_other_than_a_token_id_is_refused() =>
        FluentActions.Invoking(() => Map(With("logit_bias", JsonSerializer.SerializeToElement(new Dictionary<string, int> { ["cat"] = 1 }))))
            .Should().Throw<ArgumentException>().WithMessage("*'logit_bias'*'cat'*");

    [Fact]
    public void Values_out_of_range_are_refused_by_name()
    {
        Refuses(new() { Temperature = -1 }, nameof(SamplingOptions.Temperature));
        Refuses(new() { TopP = 1.5f }, nameof(SamplingOptions.TopP));
        Refuses(new() { TopK = -1 }, nameof(SamplingOptions.TopK));
        Refuses(new() { MaxOutputTokens = 0 }, nameof(GenerationOptions.MaxTokens));
        Refuses(new() { StopSequences = [""] }, nameof(GenerationOptions.StopStrings));
        Refuses(With("top_logprobs", 21), nameof(SamplingOptions.TopLogProbs));

        static void Refuses(ChatOptions options, string name) =>
            FluentActions.Invoking(() => Map(options)).Should().Throw<ArgumentException>().WithParameterName(name);
    }

    private static GenerationOptions Map(ChatOptions? options) => ChatOptionsMapping.Map(options, Defaults, client: null!, "this one");

    private static GenerationOptions Sampled(Func<SamplingOptions, SamplingOptions> change) => Defaults with { Sampling = change(Defaults.Sampling) };

    private static ChatOptions With(string name, object? value) => new() { AdditionalProperties = new() { [name] = value } };
}
