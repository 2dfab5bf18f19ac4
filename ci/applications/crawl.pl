#!/usr/bin/env perl
# Writes a project of scenarios by following an application's links: crawl.pl APPLICATION URL FOLDER
#
# 25 pages as a stranger and 25 as the user, each a step; a scenario has up to 7 pages, and those of the user begin with the login.
# It stays polite: no link that leaves, deletes, logs out, or carries a token is followed.
use strict;
use warnings;
use File::Path qw(make_path);
use File::Temp qw(tempdir);

my ($application, $base, $folder) = @ARGV;
my $password = 'tajne-heslo-2004';
my %applications = (
    dokuwiki => {
        start => '/dokuwiki/doku.php?id=start',
        prefix => '/dokuwiki/',
        form => '/dokuwiki/doku.php?id=start&do=login',
        login => 'POST /dokuwiki/doku.php?id=start',
        fields => { u => 'ucitel', p => $password },
        stranger => 22,
        user => 28,
    },
    mediawiki => {
        start => '/mediawiki/index.php/Trieda_1',
        prefix => '/mediawiki/',
        form => '/mediawiki/index.php/%C5%A0peci%C3%A1lne:Prihl%C3%A1seniePou%C5%BE%C3%ADvate%C4%BEa',
        login => 'POST /mediawiki/index.php/%C5%A0peci%C3%A1lne:Prihl%C3%A1seniePou%C5%BE%C3%ADvate%C4%BEa',
        fields => { wpName => 'Admin', wpPassword => $password, wploginattempt => 'Prihlásiť sa' },
        stranger => 22,
        user => 28,
    },
    phpmyadmin => {
        start => '/phpmyadmin/index.php?route=/',
        prefix => '/phpmyadmin/',
        form => '/phpmyadmin/index.php?route=/',
        login => 'POST /phpmyadmin/index.php?route=/',
        fields => { pma_username => 'ucitel', pma_password => $password, server => '1' },
        # A stranger sees the login page and its files.
        stranger => 8,
        user => 42,
        seeds => [
            map { "/phpmyadmin/index.php?route=$_" } '/database/structure&db=skola', '/sql&db=skola&table=ziaci&pos=0',
            '/table/structure&db=skola&table=ziaci', '/database/search&db=skola', '/database/sql&db=skola',
            '/table/search&db=skola&table=ucitelia', '/database/export&db=skola', '/server/databases', '/server/collations',
            '/server/variables', '/preferences/manage', '/sql&db=skola&table=triedy&pos=0',
        ],
    },
);
my $known = $applications{$application} or die "unknown application: $application\n";
my $work = tempdir(CLEANUP => 1);

sub fetch {
    my ($jar, $target, @more) = @_;
    # The arguments go past the shell.
    open my $pipe, '-|', 'curl', '--silent', '--max-time', '60', '--cookie', $jar, '--cookie-jar', $jar, '--output', "$work/body",
        '--write-out', '%{http_code} %{content_type}', @more, "$base$target" or die "curl: $!";
    my $line = <$pipe> // '';
    close $pipe;
    open my $file, '<:raw', "$work/body" or return ('000', '', '');
    my $body = do { local $/; <$file> } // '';
    my ($status, $type) = split / /, $line, 2;
    return ($status, $type // '', $body);
}

sub plain {
    my ($text) = @_;
    $text =~ s/&amp;/&/g;
    $text =~ s/&#0?39;/'/g;
    $text =~ s/&quot;/"/g;
    return $text;
}

sub links {
    my ($target, $body, $is_user) = @_;
    my @found;
    my $directory = $target =~ s/[?].*//r =~ s{[^/]*$}{}r;
    while ($body =~ /(?:href|src)\s*=\s*"([^"#]+)[^"]*"/g) {
        my $link = plain($1);
        $link =~ s/^\Q$base\E//;
        next if $link =~ /^[a-z]+:|^\/\//;
        $link = "$directory$link" if $link !~ /^\//;
        1 while $link =~ s{/\./}{/} or $link =~ s{/[^/]+/\.\./}{/};
        next unless index($link, $known->{prefix}) == 0;
        next if $link =~ /[\s<>\\^`{|}]/ or length $link > 300;
        # What leaves, changes data (DokuWiki locks a page that its user opens for editing), shows live figures, is drawn by chance,
        # belongs to one session, or is made anew every five minutes (feeds).
        next if $link =~ /logout|log=out|token=|sectok|nocache|do=(?:draft|subscribe|revert|profile_delete|check|media)|action=(?:delete|protect|rollback|watch|unwatch|purge|markpatrolled)/i;
        next if $link =~ m{do=(?:export|index)|indexer|taskrunner|feed|page=logviewer|/url\.php|route=/(?:server/status|server/engines|themes|logout|import|server/export|lint|changelog)|favorite|(?:N%C3%A1hodn%C3%A1|Odhl%C3%A1senie)|themes\.php|_nocache}i;
        next if $link =~ /\/dokuwiki\/.*do=edit/ and $is_user;
        push @found, $link;
    }
    return @found;
}

# Follows links in breadth; takes pages, and one file of another type for every five pages.
sub crawl {
    my ($jar, $count, $is_user, @queue) = @_;
    my (%seen, @pages);
    my $files = 0;
    while (@queue and @pages < $count) {
        my $target = shift @queue;
        next if $seen{$target}++;
        my ($status, $type, $body) = fetch($jar, $target);
        next unless $status =~ /^(?:200|30[12]|403|404)$/;
        my $is_page = $type =~ /html/;
        next if !$is_page and $files * 5 > @pages;
        $files++ unless $is_page;
        push @pages, $target;
        push @queue, links($target, $body, $is_user) if $is_page;
    }
    return @pages;
}

sub quoted {
    my ($text) = @_;
    $text =~ s/(["\\])/\\$1/g;
    return "\"$text\"";
}

sub scenarios {
    my ($name, $title, $login, @pages) = @_;
    my $number = 0;
    while (my @part = splice @pages, 0, 7) {
        $number++;
        open my $file, '>', sprintf('%s/scenarios/%s-%02d.toml', $folder, $name, $number) or die "$folder: $!";
        print $file "title = \"$title\"\n", $login;
        my $step = 0;
        for my $page (@part) {
            $step++;
            printf $file "[[step]]\nname = \"page-%d\"\nrequest = %s\n", $step, quoted("GET $page");
        }
        close $file;
    }
}

make_path("$folder/scenarios");
open my $config, '>', "$folder/migrate-verify.toml" or die "$folder: $!";
print $config "[legacy]\nurl = \"$base\"\ncharset = \"utf-8\"\ntimezone = \"Europe/Bratislava\"\n";
close $config;

my $stranger = "$work/stranger";
my @public = crawl($stranger, $known->{stranger}, 0, $known->{start});
scenarios('stranger', "Pages of $application for everybody", '', @public);

# The login: the hidden fields of the form, as a browser sends them.
my $user = "$work/user";
my (undef, undef, $page) = fetch($user, $known->{form});
my %fields = %{ $known->{fields} };
my ($form) = grep { /type="password"/ } $page =~ /<form\b.*?<\/form>/gs;
die "no login form\n" unless $form;
while ($form =~ /<input\b([^>]*)>/g) {
    my $attributes = $1;
    next unless $attributes =~ /type="hidden"/i and $attributes =~ /name="([^"]*)"/;
    my $name = $1;
    my ($value) = $attributes =~ /value="([^"]*)"/;
    $fields{$name} //= plain($value // '');
}
my (undef, $login) = split / /, $known->{login}, 2;
my ($status) = fetch($user, $login, map { ('--data-urlencode', "$_=$fields{$_}") } sort keys %fields);
die "the login answers $status\n" unless $status =~ /^30|^200/;
my (undef, undef, $after) = fetch($user, $known->{start});
die "not logged in\n" unless $after =~ /logout|do=logout/i;

my $steps = "[[step]]\nname = \"form\"\nrequest = " . quoted("GET $known->{form}") . "\n";
$steps .= "[[step]]\nname = \"login\"\nrequest = " . quoted($known->{login}) . "\nfollow = true\nform = { "
    . join(', ', map { "$_ = " . quoted($known->{fields}{$_}) } sort keys %{ $known->{fields} }) . " }\n";
my @own = crawl($user, $known->{user}, 1, $known->{start}, @{ $known->{seeds} // [] });
scenarios('user', "Pages of $application for its user", $steps, @own);
printf "%s: %d pages for everybody, %d for the user\n", $application, scalar @public, scalar @own;
