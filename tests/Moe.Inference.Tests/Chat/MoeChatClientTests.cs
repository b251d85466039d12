using Microsoft.Extensions.AI;
using Moe.Inference.Sampling;
using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Chat;

/// <summary>Sessions as chat clients, on the shipped model.</summary>
public sealed class MoeChatClientTests : IDisposable
{
    private const string Cat = "Tell me a story about a cat.";
    private readonly Model _model = TestModels.Load();
    private readonly Context _context;
    private readonly Session _session;
    private readonly IChatClient _client;

    public MoeChatClientTests()
    {
        _context = Small(_model, 512);
        _session = _context.CreateSession();
        _client = _session.AsChatClient();
    }

    public void Dispose()
    {
        _client.Dispose();
        _session.Dispose();
        _context.Dispose();
        _model.Dispose();
    }

    [Fact]
    public async Task An_answer_is_what_the_session_says_to_the_template_and_comes_with_its_circumstances()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow;
        ChatResponse response = await _client.GetResponseAsync(Cat, Greedy(400));
        int[] prompt = Prompt($"<|im_start|>user\n{Cat}<|im_end|>\n<|im_start|>assistant\n");
        using Session plain = _context.CreateSession();
        List<GeneratedToken> tokens = await TestModels.Collect(
            plain.GenerateAsync(prompt, new GenerationOptions { Sampling = SamplingOptions.Greedy, MaxTokens = 400 }));

        response.Text.Should().Be(string.Concat(tokens.Select(token => token.Text))).And.NotBeEmpty();
        response.FinishReason.Should().Be(ChatFinishReason.Stop);
        response.Usage!.InputTokenCount.Should().Be(prompt.Length);
        response.Usage.CachedInputTokenCount.Should().Be(0);
        response.Usage.OutputTokenCount.Should().Be(tokens.Count);
        response.Usage.TotalTokenCount.Should().Be(prompt.Length + tokens.Count);
        response.ModelId.Should().Be("Tiny Stories MoE");
        response.ResponseId.Should().NotBeNullOrEmpty();
        response.CreatedAt.Should().BeOnOrAfter(before).And.BeOnOrBefore(DateTimeOffset.UtcNow);
        ChatMessage message = response.Messages.Should().ContainSingle().Subject;
        message.Role.Should().Be(ChatRole.Assistant);
        message.MessageId.Should().NotBeNullOrEmpty();
        response.RawRepresentation.Should().BeAssignableTo<IReadOnlyList<GeneratedToken>>()
            .Which.Select(token => token.Id).Should().Equal(tokens.Select(token => token.Id));
    }

    [Fact]
    public async Task A_stream_says_the_same_piece_by_piece()
    {
        ChatResponse whole = await _client.GetResponseAsync(Cat, Greedy(60));
        List<ChatResponseUpdate> updates = await Stream(Cat, Greedy(60));

        string.Concat(updates.Select(update => update.Text)).Should().Be(whole.Text);
        updates.Should().HaveCount(61).And.OnlyContain(update => update.Role == ChatRole.Assistant && update.ModelId == whole.ModelId);
        updates.Select(update => (update.ResponseId, update.MessageId, update.CreatedAt)).Distinct().Should().ContainSingle()
            .Which.ResponseId.Should().NotBe(whole.ResponseId);
        updates[..^1].Should().OnlyContain(update => update.FinishReason == null && update.RawRepresentation is GeneratedToken);
        updates[^1].FinishReason.Should().Be(ChatFinishReason.Length);
        updates[^1].Contents.Should().ContainSingle().Which.Should().BeOfType<UsageContent>().Which.Details.OutputTokenCount.Should().Be(60);
    }

    [Fact]
    public async Task A_second_turn_computes_only_what_is_new()
    {
        List<ChatMessage> messages = [new(ChatRole.User, Cat)];
        ChatResponse first = await _client.GetResponseAsync(messages, Greedy(40));
        messages.AddMessages(first);
        messages.Add(new(ChatRole.User, "Tell me another one."));
        ChatResponse second = await _client.GetResponseAsync(messages, Greedy(40));
        // All of the first turn, less the last token, which was never computed.
        second.Usage!.CachedInputTokenCount.Should().Be(first.Usage!.TotalTokenCount - 1);
        second.Usage.InputTokenCount.Should().BeGreaterThan(first.Usage.TotalTokenCount!.Value);

        using Context other = Small(_model, 512);
        using IChatClient fresh = other.CreateSession().AsChatClient(ownsSession: true);
        ChatResponse again = await fresh.GetResponseAsync(messages, Greedy(40));
        again.Text.Should().Be(second.Text);
        again.Usage!.CachedInputTokenCount.Should().Be(0);
    }

    [Fact]
    public async Task Instructions_become_the_system_message_or_its_beginning()
    {
        await _client.GetResponseAsync(Cat, Brief("Be brief."));
        Said().Should().StartWith($"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{Cat}<|im_end|>\n<|im_start|>assistant\n");
        List<ChatMessage> messages = [new(ChatRole.System, "You tell stories."), new(ChatRole.User, Cat)];
        await _client.GetResponseAsync(messages, Brief("Be brief."));
        Said().Should().StartWith("<|im_start|>system\nBe brief.\n\nYou tell stories.<|im_end|>\n<|im_start|>user\n");
        messages[0].Text.Should().Be("You tell stories.", "the caller's messages are the caller's");
        await _client.GetResponseAsync([], Brief("Say something."));
        Said().Should().StartWith("<|im_start|>system\nSay something.<|im_end|>\n<|im_start|>assistant\n");

        ChatOptions Brief(string instructions) => new() { Temperature = 0, MaxOutputTokens = 1, Instructions = instructions, ModelId = _model.Name };
        // After the token that begins every text.
        string Said() => _model.Tokenizer.Decode([.. _session.Tokens.Skip(1)], renderSpecial: true);
    }

    [Fact]
    public async Task A_stop_sequence_ends_the_answer_and_is_not_part_of_it()
    {
        string whole = (await _client.GetResponseAsync(Cat, Greedy(60))).Text;
        string stop = whole.Substring(whole.Length / 2, 7);
        ChatOptions options = Greedy(60);
        options.StopSequences = [stop];
        ChatResponse response = await _client.GetResponseAsync(Cat, options);
        response.Text.Should().Be(whole[..whole.IndexOf(stop, StringComparison.Ordinal)]);
        response.FinishReason.Should().Be(ChatFinishReason.Stop);
    }

    [Fact]
    public async Task A_seed_repeats_and_another_differs()
    {
        async Task<string> With(long seed) =>
            (await _client.GetResponseAsync(Cat, new ChatOptions { Temperature = 1.2f, MaxOutputTokens = 40, Seed = seed })).Text;
        string first = await With(1);
        (await With(1)).Should().Be(first);
        (await With(2)).Should().NotBe(first);
    }

    [Fact]
    public async Task Options_of_the_sampler_act()
    {
        string likeliest = (await _client.GetResponseAsync(Cat, Greedy(30))).Text;
        (await Hot(options => options.TopK = 1)).Text.Should().Be(likeliest);
        (await Hot(options => options.TopP = 0)).Text.Should().Be(likeliest);
        (await Hot(options => options.AdditionalProperties = new() { ["min_p"] = 1 })).Text.Should().Be(likeliest);
        (await Hot(_ => { })).Text.Should().NotBe(likeliest);

        ChatOptions biased = Greedy(1);
        ChatResponse one = await _client.GetResponseAsync(Cat, biased);
        int token = ((IReadOnlyList<GeneratedToken>)one.RawRepresentation!)[0].Id;
        biased.AdditionalProperties = new() { ["logit_bias"] = new Dictionary<int, float> { [token] = float.NegativeInfinity }, ["top_logprobs"] = 2 };
        GeneratedToken other = ((IReadOnlyList<GeneratedToken>)(await _client.GetResponseAsync(Cat, biased)).RawRepresentation!)[0];
        other.Id.Should().NotBe(token);
        other.Alternatives.Should().HaveCount(2);

        Task<ChatResponse> Hot(Action<ChatOptions> change)
        {
            ChatOptions options = new() { Temperature = 2, MaxOutputTokens = 30, Seed = 5 };
            change(options);
            return _client.GetResponseAsync(Cat, options);
        }
    }

    [Fact]
    public async Task Defaults_hold_where_a_call_asks_for_nothing()
    {
        string expected = (await _client.GetResponseAsync(Cat, Greedy(12))).Text;
        using IChatClient client = _session.AsChatClient(new GenerationOptions { MaxTokens = 12, Sampling = SamplingOptions.Greedy });
        (await client.GetResponseAsync(Cat)).Text.Should().Be(expected);
        FluentActions.Invoking(() => _session.AsChatClient(new GenerationOptions { MaxTokens = 0 })).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task A_full_context_ends_the_answer_and_a_prompt_that_does_not_fit_is_an_error()
    {
        using Context small = Small(_model, 40);
        using Session session = small.CreateSession();
        IChatClient client = session.AsChatClient();
        ChatResponse response = await client.GetResponseAsync(Cat, new ChatOptions { Temperature = 0 });
        response.FinishReason.Should().Be(ChatFinishReason.Length);
        response.Usage!.TotalTokenCount.Should().Be(40);
        await client.Awaiting(it => it.GetResponseAsync(TestModels.Story)).Should().ThrowAsync<ContextOverflowException>();
        (await client.GetResponseAsync(Cat, new ChatOptions { Temperature = 0 })).Text.Should().Be(response.Text, "an error leaves the client usable");
    }

    [Fact]
    public async Task Calls_at_the_same_time_wait_for_each_other()
    {
        string[] prompts = [.. new[] { "cat", "dog", "bird", "boy", "girl", "tree" }.Select(one => $"Tell me a story about a {one}.")];
        List<string> oneByOne = [];
        foreach (string prompt in prompts)
            oneByOne.Add((await _client.GetResponseAsync(prompt, Greedy(20))).Text);
        oneByOne.Distinct().Should().HaveCountGreaterThan(1);
        IChatClient second = _session.AsChatClient();
        ChatResponse[] together = await Task.WhenAll(
            prompts.Select((prompt, i) => Task.Run(() => (i % 2 == 0 ? _client : second).GetResponseAsync(prompt, Greedy(20)))));
        together.Select(response => response.Text).Should().Equal(oneByOne);
    }

    [Fact]
    public async Task Cancelling_ends_an_answer_and_a_wait_and_leaves_the_client_usable()
    {
        using CancellationTokenSource stop = new();
        using CancellationTokenSource stopWaiting = new();
        int seen = 0;
        Func<Task> reading = async () =>
        {
            await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(Cat, Greedy(200), stop.Token))
            {
                if (++seen != 3)
                    continue;
                Task<ChatResponse> waiting = _client.GetResponseAsync(Cat, Greedy(5), stopWaiting.Token);
                waiting.IsCompleted.Should().BeFalse();
                await stopWaiting.CancelAsync();
                await FluentActions.Awaiting(() => waiting).Should().ThrowAsync<OperationCanceledException>();
                await stop.CancelAsync();
            }
        };
        await reading.Should().ThrowAsync<OperationCanceledException>();
        seen.Should().Be(3);
        (await _client.GetResponseAsync(Cat, Greedy(5))).Usage!.OutputTokenCount.Should().Be(5);
    }

    [Fact]
    public async Task A_stream_that_is_left_early_lets_the_next_call_in()
    {
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(Cat, Greedy(200)))
            break;
        (await _client.GetResponseAsync(Cat, Greedy(5))).Usage!.OutputTokenCount.Should().Be(5);
    }

    [Fact]
    public async Task What_is_no_text_is_refused_by_name()
    {
        await Refuses(new DataContent(new byte[] { 1 }, "image/png"), nameof(DataContent));
        await Refuses(new UriContent("https://example.org/a.png", "image/png"), nameof(UriContent));
        await Refuses(new HostedFileContent("file"), nameof(HostedFileContent));
        // Comes along when an answer's updates are put back as they are.
        await _client.GetResponseAsync([new(ChatRole.User, [new TextContent(Cat), new UsageContent(new UsageDetails())])], Greedy(1));

        Task Refuses(AIContent content, string name) =>
            _client.Awaiting(client => client.GetResponseAsync([new ChatMessage(ChatRole.User, [new TextContent(Cat), content])], Greedy(1)))
                .Should().ThrowAsync<NotSupportedException>().WithMessage($"*{name}*");
    }

    [Fact]
    public async Task Nothing_to_answer_is_an_error()
    {
        await _client.Awaiting(client => client.GetResponseAsync([])).Should().ThrowAsync<ArgumentException>().WithParameterName("messages");
        await _client.Awaiting(client => client.GetResponseAsync((IEnumerable<ChatMessage>)null!)).Should().ThrowAsync<ArgumentNullException>();
        _client.Invoking(client => client.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!)).Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public void Services_are_the_metadata_and_the_nouns()
    {
        _client.GetService<ChatClientMetadata>()!.Should().Match<ChatClientMetadata>(metadata =>
            metadata.ProviderName == "moe-inference" && metadata.ProviderUri == null && metadata.DefaultModelId == "Tiny Stories MoE");
        _client.GetService<Session>().Should().BeSameAs(_session);
        _client.GetService<Context>().Should().BeSameAs(_context);
        _client.GetService<Model>().Should().BeSameAs(_model);
        _client.GetService<IChatClient>().Should().BeSameAs(_client);
        _client.GetService(typeof(Session), "key").Should().BeNull();
        _client.GetService<string>().Should().BeNull();
    }

    [Fact]
    public void A_session_goes_with_its_client_only_if_the_client_owns_it()
    {
        Session session = _context.CreateSession();
        session.AsChatClient().Dispose();
        session.Evaluate(TestModels.StoryTokens(_model, 3)).Should().NotBeEmpty();
        session.AsChatClient(ownsSession: true).Dispose();
        FluentActions.Invoking(() => session.Append("x")).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public async Task A_model_without_a_template_speaks_ChatML()
    {
        string expected = (await _client.GetResponseAsync(Cat, Greedy(30))).Text;
        byte[] bytes = File.ReadAllBytes(TestModels.Shipped);
        bytes["tokenizer.".Length + bytes.AsSpan().IndexOf("tokenizer.chat_template"u8)] = (byte)'k';
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["plain.gguf"], bytes);
        using Model plain = Model.Load(folder["plain.gguf"]);
        plain.ChatTemplate.Should().BeNull();
        using Context context = Small(plain, 512);
        using Session session = context.CreateSession();
        (await session.AsChatClient().GetResponseAsync(Cat, Greedy(30))).Text.Should().Be(expected);
    }

    private static ChatOptions Greedy(int most) => new() { Temperature = 0, MaxOutputTokens = most };

    private static Context Small(Model model, int length) => model.CreateContext(new ContextOptions { Threads = 1, ContextLength = length });

    private int[] Prompt(string text) => _model.Tokenizer.Encode(text, parseSpecial: true);

    private async Task<List<ChatResponseUpdate>> Stream(string prompt, ChatOptions options)
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(prompt, options))
            updates.Add(update);
        return updates;
    }
}
